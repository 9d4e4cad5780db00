"""What leads out of an HDF5 file: links, external storage and virtual datasets, found unopened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptyxr.errors import ExternalDataError, InvalidDataError
from ptyxr.storage.files import clean_text

if TYPE_CHECKING:
    import h5py

__all__ = ["check_data", "check_way"]

_LINKS: Final = 64  # soft links that are followed on one way; HDF5 itself follows 16
_REMEDY: Final = (
    "If you trust the file and know what it leads to, open it with allow_external=True; at the "
    "command line, --allow-external"
)


def check_way(root: h5py.Group, path: str, file: str) -> None:
    """Refuse a path that leads out of the file, before anything outside is opened.

    Soft links are followed by hand: h5py would go through an external link on the way.

    Parameters
    ----------
    root : h5py.Group
        The root of the file.
    path : str
        The path, from the root.
    file : str
        Name of the file, for the error.

    Raises
    ------
    ExternalDataError
        If there is an external link on the way.
    InvalidDataError
        If a soft link names what h5py cannot look up.
    """
    import h5py

    steps = _steps(path)
    at: list[str] = []
    followed = 0
    while steps:
        step = steps.pop(0)
        if step == ".":
            continue
        place = root["/".join(at)] if at else root
        link = place.get(step, getlink=True) if isinstance(place, h5py.Group) else None
        if isinstance(link, h5py.ExternalLink):
            raise ExternalDataError(
                "a link leads out of the file",
                file=file,
                key=path,
                found=f"{clean_text(link.filename)!r}: {clean_text(link.path)!r}",
                remedy=_REMEDY,
            )
        if isinstance(link, h5py.SoftLink):
            followed += 1
            if followed > _LINKS:
                return  # a circle, which h5py refuses itself
            target = link.path
            if not isinstance(target, str):
                # Nobody can say where HDF5 would go from there.
                raise InvalidDataError(
                    "a link leads to a name that is no UTF-8",
                    file=file,
                    key=path,
                    found=clean_text(target),
                )
            steps = _steps(target) + steps
            at = [] if target.startswith("/") else at
        elif link is None:
            return  # nothing is there, which h5py says itself
        else:
            at.append(step)


def _steps(path: str) -> list[str]:
    return [step for step in path.split("/") if step]


def check_data(dataset: h5py.Dataset, file: str, *, depth: int = 0) -> None:
    """Refuse a dataset whose numbers lie in other files.

    A virtual dataset is taken where all its sources are in the file itself, by name and in fact.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset, whose shape has not been asked: HDF5 would open its sources for that.
    file : str
        Name of the file, for the error.
    depth : int
        How many virtual datasets led here.

    Raises
    ------
    ExternalDataError
        If they lie elsewhere.
    """
    import h5py

    outside = ""
    if dataset.external:
        outside = ", ".join(clean_text(name) for name, _, _ in dataset.external)
    elif dataset.is_virtual:
        for source in dataset.virtual_sources():
            # Names with "%" are patterns, which HDF5 looks for one by one.
            if source.file_name != "." or "%" in source.dset_name or depth > _LINKS:
                outside = f"{source.file_name}: {source.dset_name}"
                break
            root = dataset.file["/"]
            check_way(root, str(source.dset_name), file)
            inner = root.get(source.dset_name)
            if isinstance(inner, h5py.Dataset):
                check_data(inner, file, depth=depth + 1)
    if outside:
        raise ExternalDataError(
            "the data lie outside the file",
            file=file,
            key=clean_text(dataset.name),
            found=outside,
            remedy=_REMEDY,
        )
