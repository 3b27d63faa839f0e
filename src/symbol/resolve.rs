//! One frame in one image: which function it is, which address is meant, and what lies there.

use std::cell::OnceCell;

use object::{Architecture, Object};

use super::bytes::ImageStore;
use super::calls::{self, Before};
use super::dwarf::Lines;
use super::image::Image;
use super::paths::SourceRoot;
use super::table::{Candidate, Fit, Table};
use super::{Frame, Position, Reason, Resolution, Source};

/// An image with its symbol table, and its debug information once that was needed.
pub(super) struct Resolver<'a> {
    store: &'a ImageStore,
    image: Image<'a>,
    /// What its debug information refers to.
    supplement: Option<Image<'a>>,
    table: Table<'a>,
    lines: OnceCell<Result<Lines<'a>, Reason>>,
    release: OnceCell<Option<String>>,
    roots: Vec<SourceRoot>,
}

impl<'a> Resolver<'a> {
    /// Reads an image's symbol table.
    pub(super) fn new(
        store: &'a ImageStore,
        image: Image<'a>,
        supplement: Option<Image<'a>>,
        roots: &[SourceRoot],
    ) -> Resolver<'a> {
        let table = Table::read(&image);
        Resolver {
            store,
            image,
            supplement,
            table,
            lines: OnceCell::new(),
            release: OnceCell::new(),
            roots: roots.to_vec(),
        }
    }

    /// The image.
    pub(super) fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// The kernel release that the image says it is of.
    pub(super) fn release(&self) -> Option<&str> {
        self.release.get_or_init(|| self.image.release()).as_deref()
    }

    /// Looks a frame up.
    pub(super) fn resolve(&self, frame: &Frame<'_>) -> Resolution {
        self.find(frame).map_or_else(Resolution::Missing, Resolution::Found)
    }

    /// An address where a frame may lie.
    pub(super) fn address_of(&self, frame: &Frame<'_>) -> Option<u64> {
        let candidates = self.candidates(frame).ok()?;
        candidates.first().map(|first| first.address.wrapping_add(frame.offset))
    }

    fn find(&self, frame: &Frame<'_>) -> Result<Source, Reason> {
        let candidates = self.candidates(frame)?;
        let lines = self.lines()?;
        let mut places: Vec<Result<Source, Reason>> = Vec::new();
        for candidate in candidates {
            let place = self.address(candidate, frame).and_then(|address| lines.find(address));
            if !places.contains(&place) {
                places.push(place);
            }
        }
        if places.len() == 1 || places.iter().all(Result::is_err) {
            return places.swap_remove(0);
        }
        let places = places.into_iter().map(|place| place.unwrap_or_else(|_| nowhere()));
        Err(Reason::Ambiguous(places.collect()))
    }

    /// The functions that the frame may mean: those whose size fits best.
    fn candidates(&self, frame: &Frame<'_>) -> Result<Vec<Candidate>, Reason> {
        let mut named = self.table.find(frame.function);
        if named.is_empty() {
            return Err(Reason::NoSuchSymbol);
        }
        if let Some(start) = frame.linked.and_then(|place| place.checked_sub(frame.offset))
            && named.iter().any(|candidate| candidate.address == start)
        {
            named.retain(|candidate| candidate.address == start);
        }
        let Some(size) = frame.size else { return Ok(named) };
        let fits: Vec<Fit> = named.iter().map(|&named| self.table.fit(named, size)).collect();
        let best = fits.iter().copied().max().unwrap_or(Fit::No);
        if best == Fit::No || frame.offset > size {
            return Err(Reason::SizeDiffers);
        }
        let fitting = named.into_iter().zip(fits).filter(|&(_, fit)| fit == best);
        Ok(self.after_calls(fitting.map(|(named, _)| named).collect(), frame))
    }

    /// Of several functions those where a call comes before the offset, if it follows a call.
    fn after_calls(&self, named: Vec<Candidate>, frame: &Frame<'_>) -> Vec<Candidate> {
        if named.len() < 2 || frame.position != Position::Return || frame.offset == 0 {
            return named;
        }
        let machine = self.image.file.architecture();
        let follows = |function: &&Candidate| {
            let address = function.address.wrapping_add(frame.offset);
            let code = self.image.code_before(function.section, address, calls::LONGEST);
            code.is_none_or(|code| calls::before(machine, code) != Before::NoCall)
        };
        let left: Vec<Candidate> = named.iter().filter(follows).copied().collect();
        if left.is_empty() { named } else { left }
    }

    /// What the call before a frame's return address calls, where that is told in the code: not by
    /// a pointer, and not by a relocation.
    pub(super) fn called(&self, caller: &Frame<'_>) -> Option<u64> {
        if self.image.is_relocatable() || caller.position != Position::Return {
            return None;
        }
        let &[function] = self.candidates(caller).ok()?.as_slice() else { return None };
        let address = function.address.checked_add(caller.offset)?;
        let code = self.image.code_before(function.section, address, calls::LONGEST)?;
        calls::target(self.image.file.architecture(), code, address)
    }

    /// The address to look up.
    fn address(&self, function: Candidate, frame: &Frame<'_>) -> Result<u64, Reason> {
        let at_end = frame.size == Some(frame.offset);
        let offset = lookup_offset(frame, self.image.file.architecture());
        if at_end && (frame.position != Position::Return || Table::is_behind(function, offset)) {
            return Err(Reason::NextSymbol);
        }
        Ok(function.address.wrapping_add(offset))
    }

    fn lines(&self) -> Result<&Lines<'a>, Reason> {
        self.lines
            .get_or_init(|| {
                Lines::read(self.store, &self.image, self.supplement.as_ref(), &self.roots)
            })
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// The place of a candidate that has none, listed so that it is not forgotten.
fn nowhere() -> Source {
    Source { file: "?".to_owned(), line: None, column: None, text: None, inlined: Vec::new() }
}

/// The offset whose place is wanted.
///
/// A return address lies behind its call, often in the next statement, and after a call that
/// never returns even in the next function. One byte back lies within the call; on mips and
/// sparc a delay slot, which may belong to another statement, comes between. At offset 0 no call
/// comes before, so that it stays (a callback that was not entered yet).
fn lookup_offset(frame: &Frame<'_>, machine: Architecture) -> u64 {
    use Architecture as A;
    let step = match machine {
        _ if frame.position == Position::Exact => 0,
        A::Mips | A::Mips64 | A::Mips64_N32 | A::Sparc | A::Sparc32Plus | A::Sparc64 => 8,
        _ => 1,
    };
    frame.offset.saturating_sub(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_address_is_looked_up_within_its_call() {
        let offset = |position, offset, machine| {
            let frame = Frame {
                function: "f",
                offset,
                size: None,
                module: None,
                build_id: None,
                position,
                linked: None,
            };
            lookup_offset(&frame, machine)
        };
        assert_eq!(offset(Position::Return, 0x20, Architecture::X86_64), 0x1f);
        assert_eq!(offset(Position::Stale, 0x20, Architecture::X86_64), 0x1f);
        assert_eq!(offset(Position::Exact, 0x20, Architecture::X86_64), 0x20);
        assert_eq!(offset(Position::Return, 0, Architecture::X86_64), 0);
        assert_eq!(offset(Position::Return, 0x20, Architecture::Mips), 0x18);
        assert_eq!(offset(Position::Return, 4, Architecture::Sparc64), 0);
        assert_eq!(offset(Position::Exact, 0x20, Architecture::Mips), 0x20);
    }
}
