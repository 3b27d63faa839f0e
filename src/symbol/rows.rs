//! The line table of a unit: addresses to lines.

use gimli::Reader;

use super::dwarf::Damaged;
use super::program::{Program, State};
use super::ranges::Ranges;

/// Which line each address of a unit comes from.
#[derive(Debug)]
pub(super) struct Rows {
    /// Pieces of code, with where their rows begin and end among all.
    sequences: Ranges<(usize, usize)>,
    rows: Box<[Row]>,
}

/// A line that code comes from, up to where the next row begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row {
    /// Bytes from the beginning of the sequence.
    offset: u32,
    /// The file, by its number in the unit.
    pub(super) file: u32,
    /// The line; 0 where the compiler names none.
    pub(super) line: u32,
    /// The column; 0 for the whole line.
    pub(super) column: u32,
}

impl Rows {
    /// Runs a line program, which may have so many rows. `rows` is room for them: to make it
    /// anew for every unit takes longer than to copy what was found.
    pub(super) fn read<R: Reader>(
        mut program: Program<R>,
        rows: &mut Vec<Row>,
        rows_max: usize,
    ) -> Result<Rows, Damaged> {
        rows.clear();
        let mut sequences = Vec::new();
        let mut begin = None;
        let mut first = 0;
        while let Some(state) = program.next()? {
            let start = *begin.get_or_insert(state.address);
            if state.ends_sequence {
                sequences.push((start, state.address, (first, rows.len())));
                (begin, first) = (None, rows.len());
            } else if let Some(row) = Row::of(&state, start) {
                add(rows, first, row);
            }
            if rows.len() > rows_max {
                return Err(Damaged);
            }
        }
        Ok(Rows { sequences: Ranges::new(sequences), rows: rows.as_slice().into() })
    }

    /// Pieces of code that have rows.
    pub(super) fn sequences(&self) -> impl Iterator<Item = (u64, u64)> {
        self.sequences.iter().map(|(begin, end, _)| (begin, end))
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row of an address.
    pub(super) fn find(&self, address: u64) -> Option<Row> {
        let (begin, &(first, end)) = self.sequences.find(address).next()?;
        let rows = self.rows.get(first..end)?;
        let offset = address - begin;
        let behind = rows.partition_point(|row| u64::from(row.offset) <= offset);
        rows.get(behind.checked_sub(1)?).copied()
    }
}

/// Adds a row to those of a sequence, which begin at `first`.
fn add(rows: &mut Vec<Row>, first: usize, row: Row) {
    let last = rows[first..].last_mut();
    match last {
        // Of several rows of one address the last counts.
        Some(last) if last.offset == row.offset => *last = row,
        Some(last) if Row { offset: row.offset, ..*last } == row => {}
        _ => rows.push(row),
    }
}

impl Row {
    /// The row of a state of the line program; nothing where it lies before its own sequence.
    fn of(state: &State, start: u64) -> Option<Row> {
        Some(Row {
            offset: u32::try_from(state.address.checked_sub(start)?).ok()?,
            file: u32::try_from(state.file).ok()?,
            line: u32::try_from(state.line).unwrap_or(0),
            column: u32::try_from(state.column).unwrap_or(0),
        })
    }
}
