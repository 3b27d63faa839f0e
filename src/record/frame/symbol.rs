//! What `%pS` and its kin print: `name+0xoffset/0xsize [module buildid]`.

use super::super::cursor::Cursor;
use crate::address::CodeAddr;

/// A function, and a place in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbol<'a> {
    /// The name as printed, compiler suffixes included.
    pub function: &'a [u8],
    /// Bytes from the function's start; absent where the kernel prints none.
    pub offset: Option<u64>,
    /// The function's size in bytes, as kallsyms reckons it: up to the next symbol.
    pub size: Option<u64>,
    /// The module, absent for the kernel itself.
    pub module: Option<&'a [u8]>,
    /// The module's build id (`CONFIG_STACKTRACE_BUILD_ID`, 5.14 on).
    pub build_id: Option<&'a [u8]>,
}

/// Where a frame lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place<'a> {
    /// In a function that the kernel could name.
    Symbol(Symbol<'a>),
    /// At an address without a name: no kallsyms, or a module that is gone.
    Bare(CodeAddr),
}

/// Whether a function without an offset may pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Offset {
    /// The frame must show `+0xoffset/0xsize`; a lone word is prose.
    Required,
    /// `%ps` prints the name alone.
    Optional,
    /// ftrace prints the name alone, and tools that read its records an offset without a size.
    Sizeless,
}

/// Takes a place that may lack what the kernel's console prints of one.
pub(in crate::record) fn eat_place<'a>(cursor: &mut Cursor<'a>) -> Option<Place<'a>> {
    Place::eat(cursor, Offset::Sizeless)
}

impl<'a> Place<'a> {
    // dump_stack_lvl+0x44/0x5c
    // leaky_rx_buf.constprop.0+0xe/0x10 [leaky 8ccbaffd9b4dd0b5cd41d373472384777eb5c5fd]
    // :ext3:ext3_fill_super+0x10/0x20            x86-64 modules in 2.6.24
    // ._raw_spin_lock+0x1c/0x30                  big-endian powerpc
    // 0xffffffffc08ea070
    /// Takes a place from the front of `cursor`.
    pub(crate) fn eat(cursor: &mut Cursor<'a>, offset: Offset) -> Option<Place<'a>> {
        let mut ahead = *cursor;
        let place = if ahead.eat(b"0x").is_some() {
            Place::Bare(CodeAddr(ahead.hex()?.0))
        } else {
            Place::Symbol(symbol(&mut ahead, offset)?)
        };
        *cursor = ahead;
        Some(place)
    }
}

fn symbol<'a>(cursor: &mut Cursor<'a>, wanted: Offset) -> Option<Symbol<'a>> {
    let old_module = old_module(cursor);
    let function = cursor.eat_while(is_name_byte);
    if function.is_empty() || function[0].is_ascii_digit() {
        return None;
    }
    let (offset, size) = match (offset_and_size(cursor), wanted) {
        (Some((offset, size)), _) => (Some(offset), Some(size)),
        (None, Offset::Sizeless) => (sizeless_offset(cursor), None),
        (None, Offset::Optional) => (None, None),
        (None, Offset::Required) => return None,
    };
    let (module, build_id) = module(cursor).unwrap_or((None, None));
    Some(Symbol { function, offset, size, module: module.or(old_module), build_id })
}

/// A byte of a function's name. Rust and C++ names hold more than C's; none holds a blank, a
/// plus, a bracket or a parenthesis.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'_' | b'.' | b'$' | b'<' | b'>' | b':' | b'~' | b'@' | b',' | b'&' | b'*'
        )
}

fn old_module<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let mut ahead = *cursor;
    ahead.eat(b":")?;
    let module = ahead.eat_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    ahead.eat(b":")?;
    *cursor = ahead;
    (!module.is_empty()).then_some(module)
}

fn offset_and_size(cursor: &mut Cursor<'_>) -> Option<(u64, u64)> {
    let mut ahead = *cursor;
    ahead.eat(b"+0x")?;
    let (offset, _) = ahead.hex()?;
    ahead.eat(b"/0x")?;
    let (size, _) = ahead.hex()?;
    *cursor = ahead;
    Some((offset, size))
}

fn sizeless_offset(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut ahead = *cursor;
    ahead.eat(b"+0x")?;
    let (offset, _) = ahead.hex()?;
    *cursor = ahead;
    Some(offset)
}

type Module<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

fn module<'a>(cursor: &mut Cursor<'a>) -> Option<Module<'a>> {
    let mut ahead = *cursor;
    ahead.eat(b" [")?;
    let module =
        ahead.eat_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if module.is_empty() {
        return None;
    }
    let build_id = ahead.eat(b" ").map(|()| ahead.eat_while(|byte| byte.is_ascii_hexdigit()));
    ahead.eat(b"]")?;
    *cursor = ahead;
    Some((Some(module), build_id))
}
