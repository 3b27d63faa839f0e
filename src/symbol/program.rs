//! A line program: the instructions that make a unit's line table.
//!
//! gimli runs them too, and keeps registers that nobody asks for here; to run line programs is
//! what most of a kernel's frames wait for.

use gimli::constants as dw;
use gimli::{DwLne, DwLns, LineProgramHeader, Reader, ReaderOffset};

use super::dwarf::Damaged;

/// A line program, and the state it is in.
#[derive(Debug)]
pub(super) struct Program<R> {
    left: R,
    state: State,
    rules: Rules,
}

/// The registers of the machine that runs line programs, as far as they matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// The address that the row is of.
    pub(super) address: u64,
    /// The file, by its number in the unit.
    pub(super) file: u64,
    /// The line.
    pub(super) line: u64,
    /// The column.
    pub(super) column: u64,
    /// Whether the row is none, but the address is the one behind a sequence of rows.
    pub(super) ends_sequence: bool,
}

/// What the header says of the instructions.
#[derive(Debug)]
struct Rules {
    /// The first instruction that moves on by line and address at once.
    special: u8,
    line_base: i8,
    line_range: u8,
    /// Bytes of an instruction of the machine; addresses are counted in them.
    unit: u64,
    address_size: u8,
    /// How many operands each instruction has that takes no special reading.
    operands: Vec<u8>,
}

/// Where every sequence begins.
const START: State = State { address: 0, file: 1, line: 1, column: 0, ends_sequence: false };

impl<R: Reader> Program<R> {
    /// The program behind a header. `instructions` are the header's own, read in whatever way.
    pub(super) fn new<H: Reader>(
        header: &LineProgramHeader<H>,
        instructions: R,
    ) -> Result<Program<R>, Damaged> {
        let encoding = header.line_encoding();
        // Several operations in one instruction are those of machines that Linux left behind.
        if encoding.maximum_operations_per_instruction > 1 || encoding.line_range == 0 {
            return Err(Damaged);
        }
        let operands = header.standard_opcode_lengths().to_slice()?.into_owned();
        let rules = Rules {
            special: header.opcode_base(),
            line_base: encoding.line_base,
            line_range: encoding.line_range,
            unit: encoding.minimum_instruction_length.into(),
            address_size: header.address_size(),
            operands,
        };
        Ok(Program { left: instructions, state: START, rules })
    }

    /// Runs up to the next row, or the end of a sequence.
    pub(super) fn next(&mut self) -> Result<Option<State>, Damaged> {
        if self.state.ends_sequence {
            self.state = START;
        }
        while !self.left.is_empty() {
            let code = self.left.read_u8()?;
            let is_row = if code >= self.rules.special {
                self.move_on(code);
                true
            } else if code == 0 {
                self.extended()?
            } else {
                self.standard(DwLns(code))?
            };
            if is_row {
                return Ok(Some(self.state));
            }
        }
        Ok(None)
    }

    /// Moves on by a line difference and an address difference that share a byte.
    fn move_on(&mut self, code: u8) {
        let step = code.wrapping_sub(self.rules.special);
        self.advance((step / self.rules.line_range).into());
        let lines = i64::from(self.rules.line_base) + i64::from(step % self.rules.line_range);
        self.state.line = self.state.line.wrapping_add_signed(lines);
    }

    fn advance(&mut self, units: u64) {
        let bytes = units.wrapping_mul(self.rules.unit);
        self.state.address = self.state.address.wrapping_add(bytes);
    }

    /// Runs an instruction, and tells whether it makes a row.
    fn standard(&mut self, code: DwLns) -> Result<bool, Damaged> {
        match code {
            dw::DW_LNS_copy => return Ok(true),
            dw::DW_LNS_advance_pc => {
                let units = self.left.read_uleb128()?;
                self.advance(units);
            }
            dw::DW_LNS_advance_line => {
                let lines = self.left.read_sleb128()?;
                self.state.line = self.state.line.wrapping_add_signed(lines);
            }
            dw::DW_LNS_set_file => self.state.file = self.left.read_uleb128()?,
            dw::DW_LNS_set_column => self.state.column = self.left.read_uleb128()?,
            dw::DW_LNS_const_add_pc => {
                let step = u8::MAX.wrapping_sub(self.rules.special);
                self.advance((step / self.rules.line_range).into());
            }
            dw::DW_LNS_fixed_advance_pc => {
                let bytes = self.left.read_u16()?;
                self.state.address = self.state.address.wrapping_add(bytes.into());
            }
            DwLns(code) => {
                let operands = self.rules.operands.get(usize::from(code) - 1);
                for _ in 0..operands.copied().unwrap_or(0) {
                    self.left.skip_leb128()?;
                }
            }
        }
        Ok(false)
    }

    /// Runs an instruction that says how long it is.
    fn extended(&mut self) -> Result<bool, Damaged> {
        let length = self.left.read_uleb128().and_then(R::Offset::from_u64)?;
        let mut operands = self.left.split(length)?;
        match DwLne(operands.read_u8()?) {
            dw::DW_LNE_end_sequence => self.state.ends_sequence = true,
            dw::DW_LNE_set_address => {
                self.state.address = operands.read_address(self.rules.address_size)?;
            }
            _ => {}
        }
        Ok(self.state.ends_sequence)
    }
}

#[cfg(test)]
mod tests {
    use gimli::{EndianSlice, LittleEndian};

    use super::*;

    fn rows(instructions: &[u8]) -> Vec<(u64, u64, u64, u64, bool)> {
        let rules = Rules {
            special: 13,
            line_base: -5,
            line_range: 14,
            unit: 4,
            address_size: 8,
            operands: vec![0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1],
        };
        let left = EndianSlice::new(instructions, LittleEndian);
        let mut program = Program { left, state: START, rules };
        let rows = std::iter::from_fn(|| program.next().expect("the program is whole"));
        rows.map(|row| (row.address, row.file, row.line, row.column, row.ends_sequence)).collect()
    }

    #[test]
    fn every_instruction_does_what_the_standard_says() {
        let set_address = [0, 9, 2, 0, 0x10, 0, 0, 0, 0, 0, 0];
        let program = [
            &set_address[..],
            &[3, 0x64, 1],             // advance_line -28, which wraps, and copy
            &[3, 0x1c, 5, 7, 4, 3, 1], // back to line 1; column 7, file 3
            &[13 + 14 * 2 + 6],        // two units, one line
            &[2, 0x81, 1, 1],          // advance_pc 129 units
            &[8, 1],                   // const_add_pc: (255 - 13) / 14 units
            &[9, 3, 0, 1],             // fixed_advance_pc 3 bytes
            &[6, 7, 10, 11, 12, 5, 0, 2, 4, 9], // nothing that matters
            &[0, 1, 1],                // end_sequence
            &[1],
        ]
        .concat();
        let start = 0x1000;
        let expected = [
            (start, 1, 1u64.wrapping_sub(28), 0, false),
            (start, 3, 1, 7, false),
            (start + 8, 3, 2, 7, false),
            (start + 8 + 516, 3, 2, 7, false),
            (start + 8 + 516 + 68, 3, 2, 7, false),
            (start + 8 + 516 + 68 + 3, 3, 2, 7, false),
            (start + 8 + 516 + 68 + 3, 3, 2, 7, true),
            (0, 1, 1, 0, false),
        ];
        assert_eq!(rows(&program), expected);
    }
}
