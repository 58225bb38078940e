"""What `make doctor` finds: one line each, with what to do where something is wrong."""

from dataclasses import asdict, dataclass
from typing import Any

OK, NOTE, FAULT = "ok", "note", "fault"


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        subject: what was looked at, in a word or two.
        state: OK; NOTE where a run goes, but slower, or otherwise than one might think; FAULT where something fails.
        found: what is there.
        fix: what to do about a note or a fault.
    """

    subject: str
    state: str
    found: str
    fix: str = ""

    def __post_init__(self) -> None:
        """A line that is not well says what to do.

        Raises:
            ValueError: it does not.
        """
        if (self.state == OK) is bool(self.fix):
            raise ValueError(f"a finding is well and needs no fix, or it names one: {asdict(self)}")


def as_text(findings: list[Finding]) -> str:
    """A line for each finding, and one with the fix below those that are not well."""
    width = max(len(finding.subject) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<5}  {finding.subject:<{width}}  {finding.found}")
        if finding.fix:
            lines.append(f"{'':<{7 + width}}  -> {finding.fix}")
    return "\n".join(lines)


def as_records(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values."""
    return [asdict(finding) for finding in findings]
