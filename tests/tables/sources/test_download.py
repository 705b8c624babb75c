"""Downloads from servers that misbehave, on a real socket."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import socket
import tarfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from proxybench.errors import FetchFailed
from proxybench.tables.sources.download import obtain, obtain_all, verify_file
from proxybench.tables.sources.transfer import Patience

BODY = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
QUICK = Patience(connect_s=2.0, read_s=2.0, tries=3, pause_s=0.01)
IMPATIENT = Patience(connect_s=2.0, read_s=0.25, tries=3, pause_s=0.01)
PATH = "/data.bin"

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def fetch(server, source_file):
    """Fetch BODY from the server, which answers with the given replies: the bytes, and the sum of the progress."""

    def fetch(*replies, patience=QUICK):
        file = source_file(BODY, server.add(PATH, BODY, *replies))
        changes: list[int] = []
        path = obtain(file, progress=changes.append, patience=patience)
        assert verify_file(file) == "ok"
        assert sum(changes) == len(BODY)
        assert not path.with_name("data.bin.part").exists()
        return path.read_bytes()

    return fetch


def leave_part(cache: Path, data: bytes) -> Path:
    part = cache / "raw/some/source/data.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(data)
    return part


def test_a_good_server_gives_the_file_in_one_request(fetch, server):
    assert fetch() == BODY
    assert server.ranges(PATH) == [None]


def test_a_cached_file_needs_no_request(fetch, server, source_file):
    fetch()
    changes: list[int] = []
    obtain(source_file(BODY, server.base + PATH), progress=changes.append)
    assert len(server.log) == 1
    assert changes == [300_000]


def test_only_the_file_and_its_notes_stay_in_the_cache(fetch, cache):
    fetch()
    names = sorted(path.name for path in (cache / "raw/some/source").iterdir())
    assert names == ["data.bin", "data.bin.lock", "data.bin.verified"]


def test_a_body_cut_once_is_resumed_where_it_broke(fetch, server, reply):
    assert fetch(reply(cut=160_000), reply()) == BODY
    first, second = server.ranges(PATH)
    assert first is None
    # The piece being read when the connection broke, at most 16 KiB, is fetched again.
    assert 160_000 - 16_384 <= int(second.removeprefix("bytes=").removesuffix("-")) <= 160_000


def test_a_body_cut_every_time_fails_after_the_tries(fetch, server, reply):
    with pytest.raises(FetchFailed, match=r"data\.bin: the connection broke .*gave up after 3 tries"):
        fetch(reply(cut=160_000, ranges=False))
    assert len(server.log) == 3


def test_tries_that_bring_much_do_not_count(server, reply, source_file):
    body = random.Random(2).randbytes(6 * 2**20)
    url = server.add(PATH, body, reply(cut=2**20 + 2**16))
    patience = Patience(connect_s=2.0, read_s=2.0, tries=2, pause_s=0.0)
    assert obtain(source_file(body, url), patience=patience).read_bytes() == body
    assert len(server.log) == 6


def test_a_short_body_without_length_is_noticed(fetch, reply):
    # HTTP/1.0 without Content-Length: the end of the connection is the end of the body.
    with pytest.raises(FetchFailed, match="the body ended after 1000 of 300000 bytes"):
        fetch(reply(raw=b"HTTP/1.0 200 OK\r\n\r\n" + BODY[:1000], ranges=False))


def test_an_answer_that_comes_too_late_is_requested_again(fetch, server, reply):
    assert fetch(reply(first_byte_s=0.5), reply(), patience=IMPATIENT) == BODY
    assert len(server.log) == 2


def test_a_server_that_goes_silent_in_the_body_is_left(fetch, reply):
    assert fetch(reply(piece=100_000, piece_s=0.6), reply(), patience=IMPATIENT) == BODY


def test_not_found_is_not_tried_again(fetch, server, reply):
    with pytest.raises(FetchFailed, match=r"data\.bin: HTTP 404"):
        fetch(reply(status=404))
    assert len(server.log) == 1


def test_forbidden_is_not_tried_again(fetch, server, reply):
    with pytest.raises(FetchFailed, match="HTTP 403"):
        fetch(reply(status=403))
    assert len(server.log) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_refusal_is_tried_again(fetch, server, reply, status):
    assert fetch(reply(status=status), reply()) == BODY
    assert len(server.log) == 2


def test_retry_after_is_respected(fetch, reply):
    start = time.monotonic()
    assert fetch(reply(status=429, headers={"Retry-After": "1"}), reply()) == BODY
    assert time.monotonic() - start >= 1.0


def test_a_server_that_is_always_broken_fails_after_the_tries(fetch, server, reply):
    with pytest.raises(FetchFailed, match=r"HTTP 500 \(gave up after 3 tries\)"):
        fetch(reply(status=500))
    assert len(server.log) == 3


def test_wrong_bytes_name_both_hashes_and_leave_nothing(fetch, server, reply, cache, source_file):
    with pytest.raises(FetchFailed) as failure:
        fetch(reply(body=OTHER))
    assert source_file(BODY).sha256 in str(failure.value)
    assert source_file(OTHER).sha256 in str(failure.value)
    assert len(server.log) == 1
    assert [path.name for path in (cache / "raw/some/source").iterdir()] == ["data.bin.lock"]


def test_a_wrong_announced_length_ends_it_before_the_body(fetch, server, reply):
    with pytest.raises(FetchFailed, match="announces 9000000000 bytes instead of 300000"):
        fetch(reply(announce=9_000_000_000))
    assert len(server.log) == 1


def test_an_endless_body_is_stopped_at_the_declared_size(fetch, server, reply, cache):
    with pytest.raises(FetchFailed, match="sent more than 300000 bytes"):
        fetch(reply(body=bytes(50_000_000), chunked=True))
    assert server.sent < 20_000_000
    assert not (cache / "raw/some/source/data.bin.part").exists()


def test_chunked_encoding_without_length_is_fine(fetch, reply):
    assert fetch(reply(chunked=True)) == BODY


def test_chunked_encoding_cut_short_is_resumed(fetch, reply):
    assert fetch(reply(chunked=True, cut=200_000), reply()) == BODY


def test_without_range_support_it_starts_anew(fetch, server, reply):
    assert fetch(reply(cut=160_000), reply(ranges=False)) == BODY
    assert server.ranges(PATH)[1] is not None


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-299999/300000", "bytes 1-2/3", "none", "bytes 100000-299999/300001", "items 100000-299999/*"],
)
def test_a_wrong_content_range_is_not_trusted(fetch, server, reply, cache, content_range):
    leave_part(cache, BODY[:100_000])
    assert fetch(reply(content_range=content_range)) == BODY
    assert server.ranges(PATH) == ["bytes=100000-", None]


def test_a_part_of_another_file_is_fetched_again_from_the_start(fetch, server, cache):
    leave_part(cache, OTHER[:100_000])
    assert fetch() == BODY
    assert server.ranges(PATH) == ["bytes=100000-", None]


def test_a_part_that_is_too_long_is_dropped(fetch, server, cache):
    leave_part(cache, OTHER + OTHER)
    assert fetch() == BODY
    assert server.ranges(PATH) == [None]


def test_a_whole_part_needs_no_request(fetch, server, cache):
    leave_part(cache, BODY)
    assert fetch() == BODY
    assert server.log == []


def test_a_range_that_the_server_refuses_starts_anew(fetch, server, reply, cache):
    leave_part(cache, BODY[:100_000])
    assert fetch(reply(status=416), reply()) == BODY
    assert server.ranges(PATH) == ["bytes=100000-", None]


def test_partial_content_that_nobody_requested_is_refused(fetch, reply):
    with pytest.raises(FetchFailed, match="HTTP 206"):
        fetch(reply(status=206, body=BODY))


def test_a_redirect_to_another_path_is_followed(fetch, server, reply):
    server.add("/elsewhere", BODY)
    assert fetch(reply(status=302, headers={"Location": "/elsewhere"})) == BODY


def test_a_redirect_to_a_local_file_is_refused(fetch, reply, tmp_path):
    (tmp_path / "secret").write_bytes(BODY)
    with pytest.raises(FetchFailed, match=r"redirect to 'file:///.*' refused"):
        fetch(reply(status=302, headers={"Location": f"file://{tmp_path}/secret"}))


@pytest.mark.parametrize("location", ["http://[", "ftp://127.0.0.1/x", "http://", "//\x80", "http://127.0.0.1:99999/"])
def test_a_redirect_to_nonsense_is_a_failure(fetch, reply, location):
    with pytest.raises(FetchFailed):
        fetch(reply(status=301, headers={"Location": location}))


def test_a_circle_of_redirects_ends(fetch, server, reply):
    with pytest.raises(FetchFailed, match="more than 5 redirects"):
        fetch(reply(status=302, headers={"Location": PATH}))
    assert len(server.log) == 6


def test_the_body_of_a_redirect_is_not_read(fetch, server, reply):
    server.add("/elsewhere", BODY)
    bomb = gzip.compress(bytes(100_000_000), 1)
    headers = {"Location": "/elsewhere", "Content-Encoding": "gzip"}
    assert fetch(reply(status=302, headers=headers, body=bomb, piece=4096, piece_s=0.01)) == BODY
    assert server.sent < len(BODY) + len(bomb) / 2


@pytest.mark.parametrize(
    "raw", [b"\x00\xffgarbage\r\n\r\n", b"", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" * 200]
)
def test_an_answer_that_is_no_http_is_a_failure(fetch, reply, raw):
    with pytest.raises(FetchFailed, match="gave up after 3 tries"):
        fetch(reply(raw=raw))


def test_a_broken_chunk_length_is_a_failure(fetch, reply):
    with pytest.raises(FetchFailed, match="the connection broke"):
        fetch(reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"))


def test_a_compressed_body_is_not_decompressed(fetch, server, reply):
    bomb = gzip.compress(bytes(300_000_000), 1)
    with pytest.raises(FetchFailed, match="Content-Encoding 'gzip', which was not requested"):
        fetch(reply(body=bomb, headers={"Content-Encoding": "gzip"}))


def test_a_file_that_is_itself_labelled_as_an_encoding_is_taken_as_it_is(fetch, reply):
    # Some servers say Content-Encoding: gzip of a .tar.gz that they serve as it lies on their disk.
    assert fetch(reply(headers={"Content-Encoding": "gzip"})) == BODY


def test_a_dead_port_is_a_failure_that_says_so(source_file):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.raises(FetchFailed, match="Connection refused") as failure:
            obtain(source_file(BODY, url), patience=QUICK)
    assert "check the connection" in str(failure.value)


def test_addresses_that_are_none_are_failures(source_file, tmp_path):
    (tmp_path / "x").write_bytes(BODY)
    file = source_file(BODY, f"file://{tmp_path}/x", "http://", "nonsense")
    with pytest.raises(FetchFailed) as failure:
        obtain(file, patience=QUICK)
    assert len(str(failure.value).splitlines()) == 5  # what, three addresses, what to do


def test_the_second_address_is_tried_and_goes_on_from_the_part(server, reply, source_file):
    first = server.add("/first", BODY, reply(cut=100_000), reply(status=404))
    second = server.add("/second", BODY)
    assert obtain(source_file(BODY, first, second), patience=QUICK).read_bytes() == BODY
    assert server.ranges("/second")[0].startswith("bytes=")


def test_a_damaged_copy_in_the_cache_is_replaced(fetch, cache, server):
    fetch()
    (cache / "raw/some/source/data.bin").write_bytes(OTHER)
    assert fetch() == BODY
    assert len(server.log) == 2


def test_verify_finds_damage_that_kept_size_and_time(fetch, cache, source_file):
    fetch()
    path, file = cache / "raw/some/source/data.bin", source_file(BODY)
    before = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert obtain(file).read_bytes() == OTHER  # what a fast look cannot see
    assert verify_file(file) == "wrong sha256"
    with pytest.raises(FetchFailed, match="is damaged"):
        obtain(file)


def test_verify_tells_absent_from_short(fetch, cache, source_file):
    file = source_file(BODY)
    assert verify_file(file) == "absent"
    fetch()
    (cache / "raw/some/source/data.bin").write_bytes(BODY[:-1])
    assert verify_file(file) == "wrong size"


def test_a_failing_progress_callback_leaves_a_part_to_go_on_from(server, reply, source_file, cache):
    file = source_file(BODY, server.add(PATH, BODY))

    def fail(change: int) -> None:
        if change:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        obtain(file, progress=fail)
    assert (cache / "raw/some/source/data.bin.part").stat().st_size == 16_384
    obtain(file)
    assert server.ranges(PATH) == [None, "bytes=16384-"]


def test_what_progress_reports_is_on_the_disk(server, reply, source_file, cache):
    file = source_file(BODY, server.add(PATH, BODY, reply(chunked=True, piece=1000)))
    part, total = cache / "raw/some/source/data.bin.part", 0

    def check(change: int) -> None:
        nonlocal total
        total += change
        assert total == (part.stat().st_size if part.exists() else 0)

    obtain(file, progress=check)
    assert total == 300_000


def test_threads_that_want_the_same_file_share_one_download(server, reply, source_file):
    file = source_file(BODY, server.add(PATH, BODY, reply(piece=30_000, piece_s=0.02)))
    paths, failures = obtain_all({str(number): file for number in range(6)}, jobs=6, patience=QUICK)
    assert failures == {}
    assert {path.read_bytes() for path in paths.values()} == {BODY}
    assert len(server.log) == 1


def test_one_failure_does_not_keep_the_others_from_finishing(server, reply, source_file):
    files = {f"n{k}": source_file(BODY, server.add(f"/{k}", BODY), path=f"{k}.bin") for k in range(5)}
    files["gone"] = source_file(OTHER, server.base + "/gone", path="gone.bin")
    changes: list[int] = []
    paths, failures = obtain_all(files, jobs=3, progress=changes.append, patience=QUICK)
    assert list(paths) == ["n0", "n1", "n2", "n3", "n4"]
    assert list(failures) == ["gone"]
    assert "gone.bin" in str(failures["gone"])
    assert sum(changes) == 5 * 300_000


def test_obtain_all_runs_no_more_than_jobs_at_once(server, reply, source_file, monkeypatch):
    slow = reply(piece=100_000, piece_s=0.05)
    files = {f"n{k}": source_file(BODY, server.add(f"/{k}", BODY, slow), path=f"{k}.bin") for k in range(4)}
    names = set()
    obtain_all(files, jobs=2, progress=lambda _: names.add(threading.current_thread().name), patience=QUICK)
    assert len(names) <= 2


def test_obtain_all_of_nothing_is_nothing():
    assert obtain_all({}) == ({}, {})


def test_an_error_of_the_callback_ends_obtain_all(server, source_file):
    def fail(change: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        obtain_all({"a": source_file(BODY, server.add(PATH, BODY))}, progress=fail)


class TestMirror:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        folder = tmp_path / "mirror"
        (folder / "some/source").mkdir(parents=True)
        monkeypatch.setenv("PROXYBENCH_MIRROR", str(folder))
        return folder

    def test_a_mirror_folder_comes_before_the_addresses(self, folder, fetch, server):
        (folder / "some/source/data.bin").write_bytes(BODY)
        assert fetch() == BODY
        assert server.log == []

    def test_a_copy_from_the_mirror_makes_a_part_useless(self, folder, fetch, cache):
        leave_part(cache, BODY[:1000])
        (folder / "some/source/data.bin").write_bytes(BODY)
        assert fetch() == BODY

    def test_a_corrupted_copy_is_passed_over(self, folder, fetch, server):
        (folder / "some/source/data.bin").write_bytes(OTHER)
        assert fetch() == BODY
        assert len(server.log) == 1

    def test_all_that_was_tried_is_in_the_error(self, folder, fetch, reply, source_file):
        (folder / "some/source/data.bin").write_bytes(OTHER)
        with pytest.raises(FetchFailed) as failure:
            fetch(reply(status=404))
        what, mirror, address, step = str(failure.value).splitlines()
        assert "some/source/data.bin (300000 bytes)" in what
        assert source_file(BODY).sha256 in mirror
        assert source_file(OTHER).sha256 in mirror
        assert address.endswith("HTTP 404")
        assert "PROXYBENCH_MIRROR" in step

    def test_offline_leaves_the_addresses_out_and_says_so(self, folder, fetch, server, monkeypatch):
        monkeypatch.setenv("PROXYBENCH_OFFLINE", "1")
        with pytest.raises(FetchFailed, match=r"does not exist\n.*PROXYBENCH_OFFLINE is set"):
            fetch()
        assert server.log == []
        (folder / "some/source/data.bin").write_bytes(BODY)
        assert fetch() == BODY

    def test_a_mirror_folder_that_is_absent_is_passed_over(self, folder, fetch):
        shutil.rmtree(folder)
        assert fetch() == BODY

    def test_what_is_no_regular_file_is_passed_over(self, folder, fetch):
        (folder / "some/source/data.bin").symlink_to("/dev/zero")
        assert fetch() == BODY

    def test_a_link_to_the_outside_is_read_if_the_bytes_are_right(self, folder, fetch, server, tmp_path):
        (tmp_path / "outside").write_bytes(BODY)
        (folder / "some/source/data.bin").symlink_to(tmp_path / "outside")
        assert fetch() == BODY
        assert server.log == []

    def test_a_link_to_the_outside_is_refused_if_they_are_not(self, folder, source_file, tmp_path):
        (tmp_path / "outside").write_bytes(OTHER)
        (folder / "some/source/data.bin").symlink_to(tmp_path / "outside")
        with pytest.raises(FetchFailed, match=source_file(OTHER).sha256):
            obtain(source_file(BODY))

    def test_a_base_address_serves_the_layout_of_the_cache(self, server, source_file, monkeypatch):
        server.add("/base/a%20b/data.bin", BODY)
        monkeypatch.setenv("PROXYBENCH_MIRROR", server.base + "/base/")
        monkeypatch.setenv("PROXYBENCH_OFFLINE", "1")
        file = source_file(BODY, "http://127.0.0.1:1/x", path="a b/data.bin")
        assert obtain(file, patience=QUICK).read_bytes() == BODY

    def test_the_real_mirror_is_taken_over_byte_by_byte(self, mirror, monkeypatch):
        from proxybench.tables.sources.registry import load_registry

        monkeypatch.setenv("PROXYBENCH_MIRROR", str(mirror))
        monkeypatch.setenv("PROXYBENCH_OFFLINE", "1")
        files = load_registry().files
        paths, failures = obtain_all(files, jobs=2)
        assert failures == {}
        assert {verify_file(file) for file in files.values()} == {"ok"}
        with tarfile.open(paths["accel-nasbench"]) as archive:
            assert archive.getmembers()


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", ".", "a\\..\\x"])
def test_a_path_that_leaves_the_cache_is_no_source_file(source_file, path):
    with pytest.raises(ValueError, match="is not a relative path below the cache"):
        source_file(BODY, path=path)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-Endless: 1\r\n" * 200_000,
        b"HTTP/1.1 200 OK\r\nX-Endless: " + b"1" * 3_000_000,
    ],
    ids=["answers before the answer", "headers", "one header"],
)
def test_headers_without_end_are_a_failure(fetch, reply, raw):
    with pytest.raises(FetchFailed, match=r"the request failed|the connection failed|bytes in 2 s"):
        fetch(reply(raw=raw), patience=Patience(read_s=1.0, tries=2, pause_s=0.01, total_s=2.0))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_drips_is_left_after_the_time_for_all_tries(fetch, reply, cache, chunked):
    """Each read brings something, so that no limit on single reads ends it."""
    dripping = reply(piece=10, piece_s=0.05, chunked=chunked)
    with pytest.raises(FetchFailed, match=r"of 300000 bytes in 0\.7 s; run it again.*PROXYBENCH_DOWNLOAD_SECONDS"):
        fetch(dripping, patience=Patience(read_s=10.0, total_s=0.7))


def test_headers_that_drip_are_left_after_the_time_for_all_tries(source_file):
    def drip(listener):
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(FetchFailed, match=r"0 of 300000 bytes in 0\.5 s"):
            obtain(source_file(BODY, url), patience=Patience(read_s=10.0, total_s=0.5))


def test_the_time_for_a_download_grows_with_the_file_unless_the_environment_says_it(monkeypatch):
    monkeypatch.delenv("PROXYBENCH_DOWNLOAD_SECONDS", raising=False)
    assert Patience().seconds_for(0) == 120
    assert Patience().seconds_for(200_000_000) == pytest.approx(120 + 100 * 60)
    monkeypatch.setenv("PROXYBENCH_DOWNLOAD_SECONDS", "7.5")
    assert Patience().seconds_for(10**12) == 7.5
    assert Patience(total_s=3.0).seconds_for(10**12) == 3.0


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan"])
def test_a_time_that_is_none_says_what_to_set(fetch, monkeypatch, text):
    monkeypatch.setenv("PROXYBENCH_DOWNLOAD_SECONDS", text)
    with pytest.raises(FetchFailed, match="PROXYBENCH_DOWNLOAD_SECONDS"):
        fetch()


@pytest.mark.parametrize("form", ["file://{}", "file://localhost{}", "FILE://{}"])
def test_a_file_address_is_a_mirror_folder(source_file, cache, tmp_path, monkeypatch, form):
    folder = tmp_path / "a mirror"
    (folder / "some/source").mkdir(parents=True)
    (folder / "some/source/data.bin").write_bytes(BODY)
    monkeypatch.setenv("PROXYBENCH_MIRROR", form.format(str(folder).replace(" ", "%20")))
    assert obtain(source_file(BODY)).read_bytes() == BODY


@pytest.mark.parametrize("mirror", ["ftp://host/folder", "file://elsewhere/folder", "s3://bucket"])
def test_another_address_is_no_mirror_and_says_what_is(source_file, cache, monkeypatch, mirror):
    monkeypatch.setenv("PROXYBENCH_MIRROR", mirror)
    with pytest.raises(FetchFailed, match=rf"mirror: {mirror} is neither a folder on this machine, file:///FOLDER nor"):
        obtain(source_file(BODY))
