use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use secgate_model::Digest;

use crate::{
    Limits, Pick,
    inflate::Encoding,
    layer_list::{Body, LayerList, read_varint, varint},
};

/// Changes whenever the meaning of a cached file does, or what the reading of a layer yields.
const FORMAT: &[u8] = b"secgate layer 2\n";

/// Bytes of a BLAKE3 hash.
const HASH: usize = 32;

/// Remembered lists of layers: one file for each layer, choice and format, named by their hash, in a folder that any number
/// of processes share without locks. A file is written aside and renamed; one that is damaged or of another version is as
/// good as none. The hash guards against accidents: who can write to the folder can make a scan see what they like.
///
/// A layer is found by all that an image says of it, so that what was compared when it was read holds for this image too: a
/// digest that does not belong to the diffID beside it is a miss, and an error when the bytes come. A layer that is found is
/// not fetched: whether its source still holds it is not looked at.
#[derive(Debug)]
pub(crate) struct LayerCache<'a> {
    folder: &'a Path,
    choice: String,
    limit: u64,
}

/// What an image says of a layer, and what was compared with its bytes before it was remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerName<'a> {
    /// Of the bytes as stored.
    pub(crate) digest: &'a Digest,
    /// Bytes as stored.
    pub(crate) size: u64,
    pub(crate) encoding: Encoding,
    /// Of the tar file.
    pub(crate) diff_id: &'a Digest,
}

impl<'a> LayerCache<'a> {
    pub(crate) fn new(folder: &'a Path, pick: &dyn Pick, limits: &Limits) -> Self {
        // How much of a file is kept depends on the limits.
        let choice = format!("{}\n{}\n{}", pick.id(), limits.file_bytes, limits.excerpt_bytes);
        Self { folder, choice, limit: limits.kept_bytes }
    }

    /// The list of a layer, when it is there and whole.
    pub(crate) fn get(&self, layer: LayerName<'_>) -> Option<LayerList> {
        let file = File::open(self.path(layer)).ok()?;
        let length = file.metadata().ok()?.len();
        if length > self.limit {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
        file.take(self.limit).read_to_end(&mut bytes).ok()?;
        let rest = bytes.strip_prefix(FORMAT)?;
        let (hash, packed) = rest.split_first_chunk::<HASH>()?;
        if blake3::hash(packed) != *hash {
            return None;
        }
        let (size, packed) = packed.split_first_chunk::<8>()?;
        let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
        if size as u64 > self.limit.saturating_mul(2) {
            return None;
        }
        let plain = zstd::bulk::decompress(packed, size).ok()?;
        unpack(&Bytes::from(plain), &self.key(layer))
    }

    /// Remembers the list of a layer that has been verified. That this fails is no fault of the scan.
    pub(crate) fn put(&self, layer: LayerName<'_>, list: &LayerList) {
        let plain = pack(list, &self.key(layer));
        let Ok(packed) = zstd::bulk::compress(&plain, 1) else { return };
        let size = (plain.len() as u64).to_le_bytes();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&size).update(&packed);
        let path = self.path(layer);
        let Some(folder) = path.parent() else { return };
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut aside = tempfile::NamedTempFile::new_in(folder)?;
            let file = aside.as_file_mut();
            file.write_all(FORMAT)?;
            file.write_all(hasher.finalize().as_bytes())?;
            file.write_all(&size)?;
            file.write_all(&packed)?;
            aside.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        // A full disk or a read-only folder makes the next scan slower and nothing else.
        let _ = write();
    }

    fn key(&self, layer: LayerName<'_>) -> String {
        let LayerName { digest, size, encoding, diff_id } = layer;
        format!("{digest}\n{size}\n{}\n{diff_id}\n{}", encoding.name(), self.choice)
    }

    fn path(&self, layer: LayerName<'_>) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        hasher.update(FORMAT).update(self.key(layer).as_bytes());
        let name = hasher.finalize().to_hex();
        let shard = name.as_str().get(..2).unwrap_or_default();
        self.folder.join(shard).join(name.as_str())
    }
}

/// Key, counts, members and bodies, each text after its length.
fn pack(list: &LayerList, key: &str) -> Vec<u8> {
    let bodies: usize = list.bodies.iter().map(|body| body.bytes.len() + 10).sum();
    let mut out = Vec::with_capacity(list.members().len() + bodies + key.len() + 64);
    let text = |out: &mut Vec<u8>, bytes: &[u8]| {
        varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    };
    text(&mut out, key.as_bytes());
    varint(&mut out, list.count);
    varint(&mut out, list.files);
    text(&mut out, list.members());
    varint(&mut out, list.bodies.len() as u64);
    for body in &list.bodies {
        out.push(u8::from(body.whole));
        text(&mut out, &body.bytes);
    }
    out
}

fn unpack(plain: &Bytes, key: &str) -> Option<LayerList> {
    let mut rest = plain.as_ref();
    if text(&mut rest)? != key.as_bytes() {
        return None;
    }
    let count = read_varint(&mut rest)?;
    let files = read_varint(&mut rest)?;
    let members = text(&mut rest)?.to_vec();
    let mut bodies = Vec::new();
    for _ in 0..read_varint(&mut rest)? {
        let (whole, more) = rest.split_first()?;
        rest = more;
        bodies.push(Body { bytes: plain.slice_ref(text(&mut rest)?), whole: *whole == 1 });
    }
    rest.is_empty().then(|| LayerList::from_parts(members, count, files, bodies))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_varint(rest)?).ok()?;
    let (bytes, more) = rest.split_at_checked(length)?;
    *rest = more;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Member, MemberKind, PickAll, layer_list::Kept};

    fn list(seed: u8) -> LayerList {
        let mut list = LayerList::default();
        for n in 0..20_u8 {
            let path = format!("a/b/{n}");
            let member = Member {
                path: path.as_bytes(),
                kind: MemberKind::File,
                mode: 0o644,
                size: 3,
                link: &[],
            };
            list.push(&member, Kept::Picked(u32::from(n)));
            list.bodies.push(Body { bytes: vec![seed, n, 7].into(), whole: n != 3 });
        }
        list.shrink();
        list
    }

    fn digest(byte: u8) -> Digest {
        Digest::sha256(&[byte; 32])
    }

    fn name<'d>(digest: &'d Digest, diff_id: &'d Digest) -> LayerName<'d> {
        LayerName { digest, size: 5, encoding: Encoding::Gzip, diff_id }
    }

    #[test]
    fn what_is_put_comes_back_and_only_under_its_own_name() {
        let (stored, tar) = (digest(7), digest(8));
        let it = name(&stored, &tar);
        let folder = tempfile::tempdir().unwrap();
        let cache = LayerCache::new(folder.path(), &PickAll, &Limits::default());
        assert_eq!(cache.get(it), None);
        cache.put(it, &list(1));
        assert_eq!(cache.get(it), Some(list(1)));
        let other = name(&tar, &tar);
        for wrong in [
            other,
            name(&stored, &stored),
            LayerName { size: 6, ..it },
            LayerName { encoding: Encoding::Plain, ..it },
        ] {
            assert_eq!(cache.get(wrong), None);
        }
        for limits in [
            Limits { file_bytes: 1, ..Limits::default() },
            Limits { excerpt_bytes: 1, ..Limits::default() },
        ] {
            assert_eq!(LayerCache::new(folder.path(), &PickAll, &limits).get(it), None);
        }
        // A file that was copied to another layer's place is not taken for it.
        let from = cache.path(it);
        let to = cache.path(other);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        assert_eq!(cache.get(other), None);
    }

    #[test]
    fn damage_at_any_byte_is_a_miss() {
        let (stored, tar) = (digest(7), digest(8));
        let it = name(&stored, &tar);
        let folder = tempfile::tempdir().unwrap();
        let cache = LayerCache::new(folder.path(), &PickAll, &Limits::default());
        cache.put(it, &list(1));
        let path = cache.path(it);
        let mut whole = Vec::new();
        File::open(&path).unwrap().take(1 << 20).read_to_end(&mut whole).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(cache.get(it), None, "byte {at} changed");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(cache.get(it), None, "cut at {at}");
        }
        fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
        assert_eq!(cache.get(it), None);
        fs::write(&path, &whole).unwrap();
        assert_eq!(cache.get(it), Some(list(1)));
    }

    #[test]
    fn writers_and_readers_at_once_see_whole_files() {
        let (stored, tar) = (digest(7), digest(8));
        let it = name(&stored, &tar);
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for seed in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    let cache = LayerCache::new(folder, &PickAll, &Limits::default());
                    for _ in 0..50 {
                        cache.put(it, &list(seed));
                        let found = cache.get(it).unwrap();
                        let seed = found.bodies[0].bytes[0];
                        assert_eq!(found, list(seed));
                    }
                });
            }
        });
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing is left aside");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_error() {
        let (stored, tar) = (digest(7), digest(8));
        let it = name(&stored, &tar);
        let cache = LayerCache::new(Path::new("/proc/none"), &PickAll, &Limits::default());
        cache.put(it, &list(1));
        assert_eq!(cache.get(it), None);
    }
}
