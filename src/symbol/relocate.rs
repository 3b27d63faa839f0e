//! Relocations of a module's debug sections, applied to a copy of their bytes.
//!
//! Only relocatable files come here. Relocations are applied one by one in the file's order:
//! riscv and loongarch have several at one place that add and subtract.

use object::elf::Rela64;
use object::read::elf::Rela;
use object::{
    Architecture, Endianness, Object, ObjectSection, ObjectSymbol, RelocationFlags,
    RelocationTarget, SymbolKind, elf,
};

use super::image::Image;

/// Applies relocations to the sections of one image.
pub(super) struct Relocator {
    machine: Architecture,
    endian: Endianness,
    /// What each symbol stands for, by its index: an address or an offset into a debug section.
    values: Vec<u64>,
}

impl Relocator {
    /// Works out what the image's symbols stand for.
    pub(super) fn new(image: &Image<'_>) -> Relocator {
        let machine = image.file.architecture();
        let mut values = Vec::new();
        for symbol in image.file.symbols() {
            let index = symbol.index().0;
            // Indices ascend, but for the first, which is no symbol.
            if index == values.len() || index == values.len() + 1 {
                values.resize(index, 0);
                values.push(value(image, &symbol));
            }
        }
        Relocator { machine, endian: image.file.endianness(), values }
    }

    /// Relocates `bytes`, the unpacked content of `section`.
    pub(super) fn apply<'a>(&self, section: &impl ObjectSection<'a>, bytes: &mut [u8]) {
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
            let Some(patch) = Patch::of(self.machine, r_type) else { continue };
            let Some(target) = self.target(relocation.target()) else { continue };
            let Some(place) = usize::try_from(offset).ok().and_then(|at| bytes.get_mut(at..))
            else {
                continue;
            };
            let value = target.wrapping_add_signed(relocation.addend());
            let addend =
                if relocation.has_implicit_addend() { Addend::InPlace } else { Addend::Known };
            patch.apply(place, self.endian, value, addend);
        }
    }

    /// The byte order of the image.
    pub(super) fn endian(&self) -> Endianness {
        self.endian
    }

    /// Whether each relocation sets a field that no other one changes.
    pub(super) fn takes_single_fields(&self) -> bool {
        use Architecture as A;
        matches!(self.machine, A::X86_64 | A::Aarch64 | A::PowerPc64 | A::S390x | A::Sparc64)
    }

    /// What a field stands for that holds `value` and has this relocation.
    pub(super) fn relocated(&self, relocation: &Rela64<Endianness>, value: u64) -> u64 {
        let index = relocation.r_sym(self.endian, false) as usize;
        let symbol = if index == 0 { Some(0) } else { self.values.get(index).copied() };
        let patch = Patch::of(self.machine, relocation.r_type(self.endian, false));
        let wanted =
            symbol.map(|symbol| symbol.wrapping_add_signed(relocation.r_addend(self.endian)));
        match (patch, wanted) {
            (Some(Patch::Set(4)), Some(wanted)) => wanted & u64::from(u32::MAX),
            (Some(Patch::Set(8)), Some(wanted)) => wanted,
            _ => value,
        }
    }

    fn target(&self, target: RelocationTarget) -> Option<u64> {
        match target {
            RelocationTarget::Symbol(index) => self.values.get(index.0).copied(),
            RelocationTarget::Absolute => Some(0),
            _ => None,
        }
    }
}

fn value<'a>(image: &Image<'_>, symbol: &impl ObjectSymbol<'a>) -> u64 {
    // A section without an address is a debug section: offsets into it count from 0.
    let base = symbol.section_index().and_then(|section| image.base(section)).unwrap_or(0);
    let is_thumb =
        image.file.architecture() == Architecture::Arm && symbol.kind() == SymbolKind::Text;
    let value = if is_thumb { symbol.address() & !1 } else { symbol.address() };
    base.wrapping_add(value)
}

/// Where the addend of a relocation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Addend {
    /// Part of the value already.
    Known,
    /// In the bytes that are relocated.
    InPlace,
}

/// What a relocation does to the bytes at its place. Widths are in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Patch {
    Set(usize),
    Add(usize),
    Subtract(usize),
    /// The lower six bits of a byte, of `DW_CFA_advance_loc`.
    SetSix,
    SubtractSix,
    SetUleb,
    SubtractUleb,
}

impl Patch {
    /// What a type means, of those that assemblers use in debug sections.
    fn of(machine: Architecture, r_type: elf::RelocationType) -> Option<Patch> {
        use Architecture as A;
        match machine {
            A::Riscv32 | A::Riscv64 => riscv(r_type.0),
            A::LoongArch32 | A::LoongArch64 => loongarch(r_type.0),
            // In 64-bit files three types share the number; the lowest byte is the first.
            A::Mips | A::Mips64 | A::Mips64_N32 => absolute(machine, r_type.0 & 0xff),
            _ => absolute(machine, r_type.0),
        }
    }

    fn apply(self, place: &mut [u8], endian: Endianness, value: u64, addend: Addend) {
        match self {
            Patch::Set(width) => update(place, width, endian, |old| match addend {
                Addend::InPlace => old.wrapping_add(value),
                Addend::Known => value,
            }),
            Patch::Add(width) => update(place, width, endian, |old| old.wrapping_add(value)),
            Patch::Subtract(width) => update(place, width, endian, |old| old.wrapping_sub(value)),
            Patch::SetSix => update_six(place, |_| value),
            Patch::SubtractSix => update_six(place, |old| old.wrapping_sub(value)),
            Patch::SetUleb => update_uleb(place, |_| value),
            Patch::SubtractUleb => update_uleb(place, |old| old.wrapping_sub(value)),
        }
    }
}

/// Architectures whose assemblers know differences themselves need addresses alone.
fn absolute(machine: Architecture, number: u32) -> Option<Patch> {
    use Architecture as A;
    let (of_four, of_eight): (&[u32], &[u32]) = match machine {
        A::X86_64 | A::X86_64_X32 => (&[10, 11], &[1]), // R_X86_64_32, _32S, _64
        A::I386 => (&[1], &[]),                         // R_386_32
        A::Arm => (&[2], &[]),                          // R_ARM_ABS32
        A::Aarch64 => (&[258], &[257]),                 // R_AARCH64_ABS32, _ABS64
        A::Mips | A::Mips64 | A::Mips64_N32 => (&[2], &[18]), // R_MIPS_32, _64
        A::PowerPc | A::PowerPc64 => (&[1], &[38]),     // R_PPC_ADDR32, R_PPC64_ADDR64
        A::S390x => (&[4], &[22]),                      // R_390_32, _64
        A::Sparc | A::Sparc32Plus | A::Sparc64 => (&[3, 23], &[32, 54]), // R_SPARC_32, _UA32, _64, _UA64
        _ => return None,
    };
    let width =
        [(of_four, 4), (of_eight, 8)].into_iter().find(|(types, _)| types.contains(&number));
    width.map(|(_, width)| Patch::Set(width))
}

fn riscv(number: u32) -> Option<Patch> {
    Some(match number {
        1 => Patch::Set(4), // R_RISCV_32
        2 => Patch::Set(8), // R_RISCV_64
        33..=36 => Patch::Add(1 << (number - 33)),
        37..=40 => Patch::Subtract(1 << (number - 37)),
        52 => Patch::SubtractSix,
        53 => Patch::SetSix,
        54..=56 => Patch::Set(1 << (number - 54)),
        60 => Patch::SetUleb,
        61 => Patch::SubtractUleb,
        _ => return None,
    })
}

fn loongarch(number: u32) -> Option<Patch> {
    Some(match number {
        1 => Patch::Set(4), // R_LARCH_32
        2 => Patch::Set(8), // R_LARCH_64
        47 => Patch::Add(1),
        48 => Patch::Add(2),
        50 => Patch::Add(4),
        51 => Patch::Add(8),
        52 => Patch::Subtract(1),
        53 => Patch::Subtract(2),
        55 => Patch::Subtract(4),
        56 => Patch::Subtract(8),
        107 => Patch::SetUleb, // R_LARCH_ADD_ULEB128, always before its SUB
        108 => Patch::SubtractUleb,
        _ => return None,
    })
}

/// Changes an integer of `width` bytes at the start of `place`; nothing where it does not fit.
fn update(place: &mut [u8], width: usize, endian: Endianness, change: impl Fn(u64) -> u64) {
    let Some(field) = place.get_mut(..width) else { return };
    if endian == Endianness::Big {
        field.reverse();
    }
    let old = field.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    let new = change(old).to_le_bytes();
    field.copy_from_slice(&new[..width]);
    if endian == Endianness::Big {
        field.reverse();
    }
}

fn update_six(place: &mut [u8], change: impl Fn(u64) -> u64) {
    let Some(byte) = place.first_mut() else { return };
    let [low, ..] = change(u64::from(*byte & 0x3f)).to_le_bytes();
    *byte = (*byte & 0xc0) | (low & 0x3f);
}

/// Changes a number of seven bits a byte, which keeps its length.
fn update_uleb(place: &mut [u8], change: impl Fn(u64) -> u64) {
    let Some(length) = place.iter().take(10).position(|byte| byte & 0x80 == 0) else { return };
    let field = &mut place[..=length];
    let old = field.iter().rev().fold(0u64, |value, &byte| value << 7 | u64::from(byte & 0x7f));
    let mut new = change(old);
    for byte in field {
        let [low, ..] = new.to_le_bytes();
        *byte = (*byte & 0x80) | (low & 0x7f);
        new >>= 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(bytes: &[u8], endian: Endianness, steps: &[(Patch, u64, Addend)]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for &(patch, value, addend) in steps {
            patch.apply(&mut bytes, endian, value, addend);
        }
        bytes
    }

    #[test]
    fn an_addend_in_place_is_added_and_another_replaced() {
        let old = [4, 0, 0, 0, 9];
        let set = |addend| patched(&old, Endianness::Little, &[(Patch::Set(4), 0x100, addend)]);
        assert_eq!(set(Addend::InPlace), [4, 1, 0, 0, 9]);
        assert_eq!(set(Addend::Known), [0, 1, 0, 0, 9]);
        assert_eq!(
            patched(&[0, 0, 0, 4], Endianness::Big, &[(Patch::Set(4), 0x100, Addend::InPlace)]),
            [0, 0, 1, 4]
        );
    }

    #[test]
    fn riscv_differences_come_from_two_relocations() {
        let steps =
            |add, subtract| [(add, 0x1030, Addend::Known), (subtract, 0x1010, Addend::Known)];
        let little = Endianness::Little;
        assert_eq!(
            patched(&[0; 4], little, &steps(Patch::Add(4), Patch::Subtract(4))),
            [32, 0, 0, 0]
        );
        assert_eq!(patched(&[0x40], little, &steps(Patch::SetSix, Patch::SubtractSix)), [0x60]);
        assert_eq!(
            patched(&[0x80, 0x00], little, &steps(Patch::SetUleb, Patch::SubtractUleb)),
            [0xa0, 0x00]
        );
        assert_eq!(Patch::of(Architecture::Riscv64, elf::R_RISCV_ADD32), Some(Patch::Add(4)));
        assert_eq!(Patch::of(Architecture::Riscv64, elf::R_RISCV_SUB64), Some(Patch::Subtract(8)));
        assert_eq!(Patch::of(Architecture::Riscv64, elf::R_RISCV_SET16), Some(Patch::Set(2)));
    }

    #[test]
    fn a_place_at_the_end_is_left_alone() {
        assert_eq!(
            patched(&[7, 7], Endianness::Little, &[(Patch::Set(4), 1, Addend::Known)]),
            [7, 7]
        );
        assert_eq!(
            patched(&[0x80; 3], Endianness::Little, &[(Patch::SetUleb, 1, Addend::Known)]),
            [0x80; 3]
        );
    }
}
