//! Rotated logs in the order in which they were written: looks at both ends of every file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use slabtrace::capture::Source;
use slabtrace::rotation::{Piece, PieceOrder, is_in_order, order};

use super::note;

/// So many bytes of an end show its times.
const END_BYTES: u64 = 64 << 10;

/// The files of one log, oldest first, as far as can be told; what was changed or looks wrong is
/// said on standard error. Pipes are taken as they come.
pub(super) fn in_order(sources: Vec<Source>) -> Vec<Source> {
    let all = |ends: Ends| sources.iter().map(|source| piece(source, ends)).collect();
    let beginnings: Option<Vec<Piece>> = if sources.len() > 1 { all(Ends::First) } else { None };
    // What is packed must be unpacked to show its end.
    let pieces: Option<Vec<Piece>> =
        beginnings.filter(|pieces| !is_in_order(pieces)).and_then(|_| all(Ends::Both));
    match pieces.map(order) {
        None | Some(PieceOrder::AsNamed) => sources,
        Some(PieceOrder::Doubtful(why)) => {
            note(&why);
            sources
        }
        Some(PieceOrder::Changed(places)) => {
            let sources: Vec<Source> = places.iter().map(|&at| sources[at].clone()).collect();
            let names: Vec<String> = sources.iter().map(Source::name).collect();
            note(&format!("reading the oldest first: {}", names.join(", ")));
            sources
        }
    }
}

/// What is looked at of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Its beginning, which is taken for its end too.
    First,
    /// Its beginning and its end.
    Both,
}

/// The ends of a file; nothing of what can be read only once, or not at all.
fn piece(source: &Source, ends: Ends) -> Option<Piece> {
    let Source::File(path) = source else { return None };
    if !path.is_file() {
        return None;
    }
    let (head, tail) = match source.plain_file() {
        Some(file) => plain_ends(file).ok()?,
        // Where the packing is damaged, what came before tells.
        None => packed_ends(source.open().ok()?, ends),
    };
    Some(Piece::new(source.name(), &head, &tail))
}

fn plain_ends(mut file: File) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let length = file.metadata()?.len();
    let [head, tail] = [0, length.saturating_sub(END_BYTES)].map(|from| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        Read::by_ref(&mut file).take(END_BYTES).read_to_end(&mut bytes).map(|_| bytes)
    });
    Ok((head?, tail?))
}

fn packed_ends(mut reader: impl Read, ends: Ends) -> (Vec<u8>, Vec<u8>) {
    let mut read = || {
        let mut bytes = Vec::new();
        let is_whole = reader.by_ref().take(END_BYTES).read_to_end(&mut bytes).is_ok();
        (is_whole && !bytes.is_empty()).then_some(bytes).ok_or(())
    };
    let mut last = [Vec::new(), read().unwrap_or_default()];
    let head = last[1].clone();
    if ends == Ends::First {
        return (head.clone(), head);
    }
    while let Ok(bytes) = read() {
        last = [std::mem::take(&mut last[1]), bytes];
    }
    (head, last.concat())
}
