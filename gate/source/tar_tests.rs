//! Real and hostile tar files through the reader.

use proptest::prelude::*;

use crate::{Member, MemberKind, Members, TarError, TarReader, testing::Tar};

#[derive(Default)]
struct Collect {
    seen: Vec<(String, MemberKind, u32, u64, String)>,
    bodies: Vec<Vec<u8>>,
    ended: usize,
}

impl Members for Collect {
    fn begin(&mut self, member: Member<'_>) -> Result<bool, TarError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.seen.push((
            text(member.path),
            member.kind,
            member.mode,
            member.size,
            text(member.link),
        ));
        self.bodies.push(Vec::new());
        Ok(member.kind == MemberKind::File && member.size < 1 << 20)
    }

    fn body(&mut self, bytes: &[u8]) -> Result<bool, TarError> {
        self.bodies.last_mut().unwrap().extend_from_slice(bytes);
        Ok(true)
    }

    fn end(&mut self) -> Result<(), TarError> {
        self.ended += 1;
        Ok(())
    }
}

fn read(bytes: &[u8], step: usize) -> Result<Collect, TarError> {
    let (mut reader, mut collect) = (TarReader::default(), Collect::default());
    for piece in bytes.chunks(step) {
        reader.push(piece, &mut collect)?;
    }
    reader.finish()?;
    Ok(collect)
}

/// Paths and bodies, the same whatever pieces the bytes come in.
#[track_caller]
fn check(tar: &[u8], expected: &[(&str, &str)]) {
    for step in [1, 511, 513, 4096, usize::MAX] {
        let got = read(tar, step).unwrap();
        let got: Vec<(&str, &str)> = got
            .seen
            .iter()
            .zip(&got.bodies)
            .map(|((path, ..), body)| (path.as_str(), std::str::from_utf8(body).unwrap()))
            .collect();
        assert_eq!(got, expected, "in pieces of {step}");
    }
}

#[track_caller]
fn refuse(tar: &[u8], expected: TarError) {
    for step in [1, 513, usize::MAX] {
        assert_eq!(read(tar, step).err(), Some(expected), "in pieces of {step}");
    }
}

#[test]
fn paths_are_relative_and_clean() {
    let tar = Tar::default()
        .dir("./")
        .file("./a//b/./c", "1")
        .file("/etc/passwd", "2")
        .member("old/", b'\0', 0o755, b"", "")
        .member("older", b'\0', 0o644, b"3", "")
        .hardlink("h", "./a/b/c")
        .symlink("s", "../../x");
    check(
        &tar.clone().end(),
        &[
            ("", ""),
            ("a/b/c", "1"),
            ("etc/passwd", "2"),
            ("old", ""),
            ("older", "3"),
            ("h", ""),
            ("s", ""),
        ],
    );
    let seen = read(&tar.end(), 512).unwrap().seen;
    assert_eq!(seen[3].1, MemberKind::Directory);
    assert_eq!(seen[5].4, "a/b/c");
    assert_eq!(seen[6].4, "../../x");
    for (path, error) in
        [("../x", TarError::Climbs), ("a/../b", TarError::Climbs), ("..", TarError::Climbs)]
    {
        refuse(&Tar::default().file(path, "").end(), error);
    }
    refuse(&Tar::default().hardlink("a", "../b").end(), TarError::Climbs);
    refuse(&Tar::default().pax(&[("path", b"a\0b")]).file("x", "").end(), TarError::Nul);
    let long = "x".repeat(256);
    refuse(&Tar::default().file(&long, "").end(), TarError::TooLong);
    refuse(&Tar::default().file(&"ab/".repeat(1400), "").end(), TarError::TooLong);
}

#[test]
fn long_names_come_in_three_ways() {
    let long = format!("{}/{}/end", "d".repeat(120), "e".repeat(120));
    check(&Tar::default().file(&long, "pax").end(), &[(&long, "pax")]);
    let name = [long.as_bytes(), b"\0"].concat();
    let gnu = Tar::default()
        .raw(&Tar::block(b"././@LongLink", b'L', 0o644, name.len() as u64, b""))
        .padded(&name)
        .raw(&Tar::block(b"././@LongLink", b'K', 0o644, name.len() as u64, b""))
        .padded(&name)
        .symlink("cut", "cut");
    assert_eq!(read(&gnu.clone().end(), 99).unwrap().seen[0].4, long);
    check(&gnu.end(), &[(&long, "")]);
    let mut block = Tar::block(b"name", b'0', 0o644, 2, b"");
    block[345..351].copy_from_slice(b"prefix");
    Tar::sum(&mut block);
    check(&Tar::default().raw(&block).padded(b"ok").end(), &[("prefix/name", "ok")]);
    // GNU keeps times where ustar has its prefix.
    block[257..265].copy_from_slice(b"ustar  \0");
    block[345..351].copy_from_slice(b"123456");
    Tar::sum(&mut block);
    check(&Tar::default().raw(&block).padded(b"ok").end(), &[("name", "ok")]);
    // v7 has neither.
    block[257..265].copy_from_slice(&[0; 8]);
    Tar::sum(&mut block);
    check(&Tar::default().raw(&block).padded(b"ok").end(), &[("name", "ok")]);
}

#[test]
fn sizes_may_be_binary_or_in_an_extended_header() {
    let mut block = Tar::block(b"big", b'0', 0o644, 0, b"");
    block[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\0\0\0\0\x05");
    Tar::sum(&mut block);
    check(&Tar::default().raw(&block).padded(b"12345").end(), &[("big", "12345")]);
    let tar = Tar::default()
        .pax(&[("size", b"5")])
        .raw(&Tar::block(b"big", b'0', 0o644, 0, b""))
        .padded(b"12345")
        .file("after", "x");
    check(&tar.end(), &[("big", "12345"), ("after", "x")]);
    block[124..136].copy_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x05");
    Tar::sum(&mut block);
    refuse(&Tar::default().raw(&block).end(), TarError::Number { field: "size" });
    // A directory's or link's size is of no body.
    let tar = Tar::default().raw(&Tar::block(b"d", b'5', 0o755, 4096, b"")).file("f", "x");
    check(&tar.end(), &[("d", ""), ("f", "x")]);
}

#[test]
fn sparse_files_are_filled_with_zeros() {
    let expected = "\0\0ab\0\0\0c\0";
    let mut block = Tar::block(b"old", b'S', 0o644, 3, b"");
    block[257..265].copy_from_slice(b"ustar  \0");
    block[345..].fill(0);
    let mut pair = |at: usize, offset: u64, length: u64| {
        block[at..at + 24].copy_from_slice(format!("{offset:011o}\0{length:011o}\0").as_bytes());
    };
    pair(386, 2, 2);
    pair(410, 7, 1);
    block[483..495].copy_from_slice(b"00000000011\0");
    let mut split = block;
    Tar::sum(&mut block);
    check(&Tar::default().raw(&block).padded(b"abc").end(), &[("old", expected)]);
    // The second pair in a block of its own.
    let mut more = [0; 512];
    more[..24].copy_from_slice(&split[410..434]);
    split[410..434].fill(0);
    split[482] = 1;
    Tar::sum(&mut split);
    check(&Tar::default().raw(&split).raw(&more).padded(b"abc").end(), &[("old", expected)]);

    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", b"9"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"2"),
        ("GNU.sparse.numbytes", b"2"),
        ("GNU.sparse.offset", b"7"),
        ("GNU.sparse.numbytes", b"1"),
    ];
    check(&Tar::default().pax(records).file("zero", "abc").end(), &[("zero", expected)]);
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", b"9"),
        ("GNU.sparse.name", b"true/name"),
        ("GNU.sparse.map", b"2,2,7,1"),
    ];
    check(
        &Tar::default().pax(records).file("GNUSparse.0/x", "abc").end(),
        &[("true/name", expected)],
    );
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"one"),
        ("GNU.sparse.realsize", b"9"),
    ];
    let mut body = b"2\n2\n2\n7\n1\n".to_vec();
    body.resize(512, 0);
    body.extend_from_slice(b"abc");
    let tar = Tar::default().pax(records).member("x", b'0', 0o644, &body, "").file("next", "n");
    check(&tar.end(), &[("one", expected), ("next", "n")]);
    for map in
        [b"2,2,3,1".as_slice(), b"2,2,7,2", b"2,2", b"2,2,9,1", b"2,2,7", b"2,18446744073709551615"]
    {
        let records: &[(&str, &[u8])] = &[("GNU.sparse.size", b"9"), ("GNU.sparse.map", map)];
        refuse(&Tar::default().pax(records).file("x", "abc").end(), TarError::Sparse);
    }
    let unknown: &[(&str, &[u8])] = &[("GNU.sparse.major", b"2"), ("GNU.sparse.size", b"9")];
    refuse(&Tar::default().pax(unknown).file("x", "abc").end(), TarError::Sparse);
}

#[test]
fn broken_and_ambiguous_files_are_refused() {
    let good = Tar::default().file("a", "12345").dir("b");
    for cut in 1..good.0.len() {
        // A header that is whole and a body that is whole, but for its padding, may be the last.
        let may_end = cut == 1024 || (517..1024).contains(&cut);
        assert_eq!(read(&good.0[..cut], 100).is_ok(), may_end, "cut at {cut}");
    }
    check(&good.0, &[("a", "12345"), ("b", "")]);
    check(&good.clone().raw(&[0; 512]).0, &[("a", "12345"), ("b", "")]);
    let after = good.clone().raw(&[0; 1024]).raw(b"what follows the end is not looked at").0;
    check(&after, &[("a", "12345"), ("b", "")]);
    check(b"", &[]);
    refuse(&good.clone().raw(&[0; 512]).file("c", "").end(), TarError::LoneZeros);
    let mut flipped = good.clone().end();
    flipped[3] ^= 1;
    refuse(&flipped, TarError::Checksum);
    refuse(&Tar::default().member("x", b'V', 0o644, b"", "").end(), TarError::Type(b'V'));
    refuse(&Tar::default().member("x", b'S', 0o644, b"", "").end(), TarError::Type(b'S'));
    let huge = Tar::block(b"x", b'x', 0o644, 2 << 20, b"");
    refuse(&Tar::default().raw(&huge).end(), TarError::TooLong);
    let global =
        Tar::default().raw(&Tar::block(b"g", b'g', 0o644, 12, b"")).padded(b"12 path=a/b\n");
    refuse(&global.file("x", "").end(), TarError::Global);
    let comment =
        Tar::default().raw(&Tar::block(b"g", b'g', 0o644, 13, b"")).padded(b"13 comment=x\n");
    check(&comment.file("x", "y").end(), &[("x", "y")]);
    refuse(&Tar::default().pax(&[("path", b"a")]).end(), TarError::Truncated);
}

/// A header for `status` with other bytes for the magic and where a prefix may be.
fn headed(magic: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut block = Tar::block(b"status", b'0', 0o644, 1, b"");
    block[257..257 + magic.len()].copy_from_slice(magic);
    block[345..345 + prefix.len()].copy_from_slice(prefix);
    Tar::sum(&mut block);
    Tar::default().raw(&block).padded(b"x").end()
}

#[test]
fn a_prefix_is_one_where_go_takes_it_for_one() {
    // What Go 1.26's `archive/tar` gives for the same bytes.
    let whole = "var/lib/dpkg/status";
    for magic in [b"ustar\0\0\0", b"ustar\0zz", b"ustar\x0000", b"ustar  \0"] {
        check(&headed(magic, b"var/lib/dpkg"), &[(whole, "x")]);
    }
    let gnu = |prefix: &[u8], expected| check(&headed(b"ustar  \0", prefix), &[(expected, "x")]);
    gnu(b"00000000000\x0000000000000\0", "status");
    gnu(b"17", "status");
    gnu(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0abc", "status");
    gnu(b"00000000000\0zzz", "00000000000/status");
    gnu(b"var/lib/dpk\xff", "status");
    check(&headed(b"ustar00\0", b"var/lib/dpkg"), &[("status", "x")]);
}

#[test]
fn a_description_holds_for_the_member_that_go_takes_it_for() {
    let comment = |tar: Tar| {
        tar.raw(&Tar::block(b"g", b'g', 0o644, 13, b"")).padded(b"13 comment=x\n").file("foo", "x")
    };
    let long = |tar: Tar, name: &[u8]| {
        tar.raw(&Tar::block(b"././@LongLink", b'L', 0, name.len() as u64, b"")).padded(name)
    };
    refuse(&comment(long(Tar::default(), b"status\0")).end(), TarError::Between);
    refuse(&comment(Tar::default().pax(&[("path", b"status")])).end(), TarError::Between);
    // An empty long name is none.
    check(&long(Tar::default(), b"\0").file("foo", "x").end(), &[("foo", "x")]);
    check(&long(Tar::default(), b"\0").dir("foo").end(), &[("foo", "")]);
    // A name for a sparse file that is none.
    let sparse = [("GNU.sparse.name", b"status".as_slice()), ("GNU.sparse.size", b"0")];
    refuse(&Tar::default().pax(&sparse).file("foo", "").end(), TarError::Sparse);
    // That of a sparse file goes over all others.
    let sparse = [
        ("GNU.sparse.major", b"1".as_slice()),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"sparse"),
        ("GNU.sparse.realsize", b"1"),
    ];
    let mut map = b"1\n0\n1\n".to_vec();
    map.resize(512, 0);
    map.push(b'x');
    let tar = long(Tar::default(), b"long\0").pax(&sparse).member("foo", b'0', 0o644, &map, "");
    check(&tar.end(), &[("sparse", "x")]);
}

#[test]
fn what_gnu_tar_writes_is_read() {
    // Made by GNU tar itself where it is there; its formats differ from ours above.
    let folder = tempfile::tempdir().unwrap();
    let long = "n".repeat(150);
    std::fs::create_dir_all(folder.path().join("d")).unwrap();
    std::fs::write(folder.path().join("d").join(&long), "long").unwrap();
    let sparse = std::fs::File::create(folder.path().join("d/sparse")).unwrap();
    sparse.set_len(300_000).unwrap();
    {
        use std::os::unix::fs::FileExt;
        sparse.write_all_at(b"middle", 200_000).unwrap();
    }
    for format in ["gnu", "pax", "oldgnu"] {
        let output = std::process::Command::new("tar")
            .args(["--sparse", "--format", format, "--sort=name", "-C"])
            .arg(folder.path())
            .args(["-cf", "-", "d"])
            .output();
        let Ok(output) = output else { return };
        assert!(output.status.success(), "{format}");
        let got = read(&output.stdout, 1000).unwrap();
        let paths: Vec<&str> = got.seen.iter().map(|seen| seen.0.as_str()).collect();
        assert_eq!(paths, ["d", &format!("d/{long}"), "d/sparse"], "{format}");
        assert_eq!(got.seen[2].3, 300_000, "{format}");
        assert_eq!(&got.bodies[2][200_000..200_006], b"middle", "{format}");
        assert_eq!(got.bodies[2].len(), 300_000, "{format}");
        assert_eq!(got.ended, 2);
    }
}

fn sample() -> Vec<u8> {
    Tar::default()
        .dir("a")
        .file("a/b", &"text ".repeat(300))
        .file(&"long/".repeat(40), "x")
        .pax(&[("GNU.sparse.size", b"9"), ("GNU.sparse.map", b"2,2,7,1")])
        .file("s", "abc")
        .symlink("l", "a")
        .hardlink("h", "a/b")
        .end()
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_pieces_make_no_difference(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        sum in any::<bool>(),
        step in 1..2000_usize,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut tar = sample();
        for (at, byte) in &changes {
            let at = at.index(tar.len());
            tar[at] = *byte;
            if sum {
                // Make the sum right again where the change is in a header.
                let start = at / 512 * 512;
                let mut block: [u8; 512] = tar[start..start + 512].try_into().unwrap();
                if block[257..262] == *b"ustar" {
                    Tar::sum(&mut block);
                    tar[start..start + 512].copy_from_slice(&block);
                }
            }
        }
        let tar = &tar[..=cut.index(tar.len())];
        let whole = read(tar, usize::MAX).map(|got| (got.seen, got.bodies));
        let pieces = read(tar, step).map(|got| (got.seen, got.bodies));
        prop_assert_eq!(whole, pieces);
    }
}
