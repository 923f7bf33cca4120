"""The CDNOW purchases: the standard data set of buy-till-you-die models."""

import hashlib
import os
from importlib.resources import files
from itertools import accumulate
from pathlib import Path

import pandas as pd

from omniltv._options import checked
from omniltv.errors import ConfigError, DataError

__all__ = ["load_cdnow"]

_FILE = "CDNOW_master.txt"
_URL = "https://www.brucehardie.com/datasets/CDNOW_master.zip"
_SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"


@checked
def load_cdnow(*, sample: bool = True) -> pd.DataFrame:
    """Return the CDNOW purchases of January 1997 to June 1998.

    Customers who first bought at CDNOW in the first quarter of 1997 (Fader and Hardie
    2001, Forecasting Repeat Sales at CDNOW: A Case Study, Interfaces 31(3), S94-S107).

    The file is read from the folder in the environment variable ``OMNILTV_DATA``. If the
    variable is not set, the file is downloaded once, which needs the extra ``data``.

    Args:
        sample: Whether to return the 1/10 sample of the literature (2,357 customers),
            or all 23,570.

    Returns:
        Columns ``customer_id`` (int), ``channel`` (``"ec"`` throughout), ``time``,
        ``value`` (US dollars) and ``items`` (number of CDs), one row per purchase.

    Raises:
        DataError: If the file is not the one that was published.
        ConfigError: If the file is not found and cannot be downloaded.
    """
    frame = pd.read_csv(
        _find(),
        sep=r"\s+",
        skiprows=1,
        header=None,
        names=["customer_id", "date", "items", "value"],
    )
    purchases = pd.DataFrame(
        {
            "customer_id": frame["customer_id"],
            "channel": "ec",
            "time": pd.to_datetime(frame["date"].astype(str), format="%Y%m%d"),
            "value": frame["value"],
            "items": frame["items"],
        }
    )
    if not sample:
        return purchases
    return purchases[purchases["customer_id"].isin(_sample_ids())].reset_index(drop=True)


def _sample_ids() -> list[int]:
    """Return the ids of the customers in the published sample.

    The sample follows no rule, so the ids are listed, as gaps between successive ids, from http://www.brucehardie.com/datasets/CDNOW_sample.zip.
    """
    gaps = files("omniltv.data").joinpath("_cdnow_sample.txt").read_text("ascii").split()
    return list(accumulate(int(gap) for gap in gaps))


def _find() -> Path:
    folder = os.environ.get("OMNILTV_DATA")
    if folder is not None:
        path = Path(folder) / _FILE
        if not path.is_file():
            raise ConfigError(f"OMNILTV_DATA names a folder without {_FILE}: {folder}")
    else:
        path = _download()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != _SHA256:
        raise DataError(f"{path.name} is not the published file: SHA-256 {digest}")
    return path


def _download() -> Path:
    try:
        import pooch  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = "CDNOW is downloaded with pooch, or found in the folder that OMNILTV_DATA names"
        raise ConfigError(f"{message}. Hint: pip install 'omniltv[data]'") from error
    try:
        # The archive has no published checksum; the file inside it is checked instead.
        members = pooch.retrieve(_URL, known_hash=None, processor=pooch.Unzip(members=[_FILE]))
    except (OSError, ValueError) as error:
        message = f"CDNOW could not be downloaded from {_URL}"
        raise ConfigError(
            f"{message}. Hint: put {_FILE} in a folder and set OMNILTV_DATA"
        ) from error
    return Path(members[0])
