"""An account of every row: what goes into a step comes out of it or is dropped for a reason that is named."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass
class Ledger:
    """The steps of one labelling, in order.

    Attributes
    ----------
    steps : list of dict
        Each with step, genome, what (the rows that are counted), in, out and dropped (dict of reason to number).
    """

    steps: list = field(default_factory=list)

    def add(self, step, genome, what, count_in, count_out, dropped):
        """Enter a step.

        Parameters
        ----------
        step, genome, what : str
        count_in, count_out : int
        dropped : dict of str to int
            Reasons of which no row was dropped may be left out.

        Raises
        ------
        ValueError
            If the rows that came out and those that were dropped are not as many as went in.
        """
        dropped = {reason: int(number) for reason, number in dropped.items() if number}
        if count_in != count_out + sum(dropped.values()):
            raise ValueError(
                f"{step}, {genome}: {count_in} {what} went in, {count_out} came out and {sum(dropped.values())} were "
                f"dropped ({dropped}); rows were lost or made up"
            )
        entry = {"step": step, "genome": genome, "what": what, "in": int(count_in), "out": int(count_out)}
        self.steps.append(entry | {"dropped": dropped})

    def table(self):
        """Show the steps.

        Returns
        -------
        pandas.DataFrame
            Columns step, genome, what, in, out, and one for each reason.
        """
        columns = ["step", "genome", "what", "in", "out"]
        reasons = list(dict.fromkeys(reason for step in self.steps for reason in step["dropped"]))
        rows = [{**dict.fromkeys(reasons, 0), **step, **step["dropped"]} for step in self.steps]
        return pd.DataFrame(rows, columns=[*columns, *reasons])

    def __str__(self):
        """One line for each step."""
        lines = []
        for step in self.steps:
            dropped = ", ".join(f"{number:,} {reason}" for reason, number in step["dropped"].items()) or "none"
            counts = f"{step['in']:,} in, {step['out']:,} out, dropped: {dropped}"
            lines.append(f"{step['step']} ({step['genome']}), {step['what']}: {counts}")
        return "\n".join(lines)
