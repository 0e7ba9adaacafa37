"""A file may come packed; what it unpacks to is bounded, and its fingerprint is that of the file as it was given."""

import gzip
import hashlib
import io
import zipfile

import pytest
from django.db import transaction

from jobs import bulk, unpacked
from jobs.cells import Column

COLUMNS = (Column("id"), Column("quantity", "number"))
TEXT = b"id,quantity\nA,1\nB,2\n"


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def load(db, tmp_path):
    def load(content: bytes) -> bulk.Batch:
        path = tmp_path / "file"
        path.write_bytes(content)
        with transaction.atomic():
            batch = bulk.load(path, COLUMNS)
            assert not batch.refused() or batch.result()["errors"]
        return batch

    return load


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda text: zipped(orders=text)], ids=["plain", "gz", "zip"])
def test_a_plain_a_gzipped_and_a_zipped_file_are_read_alike(load, pack):
    content = pack(TEXT)
    batch = load(content)
    assert (batch.rows, batch.misshapen.count, batch.sha256) == (2, 0, hashlib.sha256(content).hexdigest())


def test_two_gzipped_parts_one_after_the_other_are_one_file(load):
    assert load(gzip.compress(TEXT) + gzip.compress(b"C,3\n")).rows == 3


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (zipped(), "the ZIP holds 0 files - expected one"),
        (zipped(a=TEXT, b=TEXT), "the ZIP holds 2 files: a, b - expected one"),
        (zipped(a=TEXT)[:-9], "it cannot be unpacked (File is not a zip file)"),
        (
            gzip.compress(TEXT)[:-9],
            "it cannot be unpacked to its end (Compressed file ended before the end-of-stream marker",
        ),
        (gzip.compress(TEXT)[:12] + b"!!" + gzip.compress(TEXT)[14:], "it cannot be unpacked to its end ("),
    ],
    ids=["empty", "two files", "cut zip", "cut gz", "broken gz"],
)
def test_what_cannot_be_unpacked_is_refused_with_its_reason(load, content, error):
    (found,) = load(content).result()["errors"]
    assert error in found


def test_a_zip_with_a_password_is_refused(load):
    content = bytearray(zipped(a=TEXT))
    content[6] |= 1  # the flag of encryption, in the member and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "is encrypted" in load(bytes(content)).result()["errors"][0]


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: zipped(a=text)], ids=["gz", "zip"])
def test_a_bomb_is_refused_before_it_fills_the_disk(load, pack, monkeypatch):
    monkeypatch.setattr(unpacked, "ALWAYS", unpacked.MEBIBYTE)
    bomb = load(pack(b"id,quantity\n" + b"A,1\n" * 1_000_000))
    (error,) = bomb.result()["errors"]
    assert "it unpacks to more than 1 MiB, over 100 times its size" in error
    assert bomb.rows == 0
