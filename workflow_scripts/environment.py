"""Rule environment: what the jobs of this run find installed and on their machine."""

from ouroboros.job import start

with start(snakemake) as job:
    import platform
    import socket

    from ouroboros.code_version import code_version
    from ouroboros.doctor import examine
    from ouroboros.findings import FAULT, as_records, as_text
    from ouroboros.installation import installed_packages
    from ouroboros.records import write_json

    findings = list(examine(whole_lock=False))
    print(as_text(findings))
    record = {
        "code": code_version(),
        "machine": f"{socket.gethostname()}, {platform.platform()}",
        "device": job.device,
        "findings": as_records(findings),
        "packages": installed_packages(),
    }
    write_json(snakemake.output.record, record)
    for finding in findings:
        if finding.state == FAULT:
            job.say(f"{finding.subject}: {finding.found}; {finding.fix}")
