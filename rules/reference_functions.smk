"""Functions of the rules that make, import and split the reference data, and of those that use it."""


def raw_files():
    """What `curate` reads: trajectories made here, or imported frames and what is known of them."""
    if SOURCE == "generate":
        distorted = [f"{REFERENCE}/raw/distorted.extxyz"] if config["reference"]["generate"]["distorted"] else []
        return {"raw": expand(f"{REFERENCE}/raw/trajectory_{{k}}.extxyz", k=range(len(TEMPERATURES))) + distorted}
    return {"raw": [f"{REFERENCE}/raw/frames.npz"], "record": f"{REFERENCE}/raw/frames.json"}


def generate_input():
    """The user's structure file, where the molecule is one: an edited file makes the trajectories anew."""
    name = config["reference"]["generate"]["molecule"]
    return teacher() | ({"structure": name} if os.path.isfile(name) else {})


def split_settings():
    """The keys that the strategy uses, so that no other reruns the split."""
    own = {
        "trajectory": ["start_temperature_max_K"],
        "time": ["gap_frames"],
        "column": ["column", "test_values"],
        "published": ["fold"],
        "random": [],
    }
    split = config["split"]
    return {name: split[name] for name in ("strategy", "train", "validation", "test", *own[split["strategy"]])}


def error_columns():
    """Columns by whose values errors are told; a column that only counts frames or times groups nothing."""
    named = config["reference"]["files"]["columns"] if SOURCE == "files" else []
    split_by = split_settings().get("column")
    columns = dict.fromkeys(["temperature_K", "made", "source", *named, *([split_by] if split_by else [])])
    return [name for name in columns if name not in ("trajectory", "time_fs", "raw_index") or name == split_by]


def files_to_import():
    """What `import_reference` reads: a published set, or the user's own files."""
    if SOURCE == "download":
        return {"files": [f"{REFERENCE}/raw/published.npz"], "record": f"{REFERENCE}/raw/published.json"}
    return {"files": config["reference"]["files"]["paths"]}


def molecule():
    """The name of the molecule, where the config gives one."""
    return config["reference"][SOURCE].get("molecule")


def checks_of_reference():
    """What is judged before the first training; a run that asks for no label has no use for the oracle."""
    files = {
        "leakage": f"{REFERENCE}/leakage.json",
        "database": f"{REFERENCE}/reference.db",
        "split": f"{REFERENCE}/split.npz",
    }
    return files | ({"oracle": f"{REFERENCE}/oracle_check.json"} if LAST_ROUND else {})


def split_input():
    """The database, and the published indices where they are asked for."""
    files = {"database": f"{REFERENCE}/reference.db"}
    return files | ({"published": PUBLISHED_SPLITS} if config["split"]["strategy"] == "published" else {})


def teacher():
    """The models that label, where the oracle is a teacher: another teacher makes other labels."""
    return {"teacher": ORACLE["paths"]} if ORACLE["kind"] == "model" else {}


def label_input():
    """The candidates, what the reference's energies are like, and the pool where it is the oracle."""
    files = {
        "candidates": f"{ROUND}/select/candidates.extxyz",
        "reference": f"{REFERENCE}/reference.json",
        "checked": f"{REFERENCE}/reference_checked.json",  # another oracle passes the gate before it labels
    }
    return files | teacher() | ({"pool": f"{REFERENCE}/reference.db"} if POOL else {})
