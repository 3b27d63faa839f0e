//! Screens to lines: what `slabtop`, `watch` and their kin draw on a terminal, where the cursor is
//! moved instead of lines ended and blanks printed.

/// What escape sequences begin with.
pub(super) const ESCAPE: u8 = 0x1b;

/// A screen's line is not longer, whatever a sequence asks for.
const COLUMNS_MAX: usize = 1000;

// \x1b[H\x1b[J Active / Total Objects (% used)    : 97518 / 105893 (92.1%)\x1b[K
// \x1b[7m  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME\x1b[m\x1b[8;1H 10731  10563  98%…
/// The lines of a text with escape sequences, without these.
pub(super) fn lines(mut text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    while let Some((&byte, rest)) = text.split_first() {
        text = rest;
        let length = lines.last().map_or(0, Vec::len);
        let action = match byte {
            ESCAPE => {
                let (action, rest) = sequence(rest);
                text = rest;
                action
            }
            b'\r' => Action::NewLine,
            _ => Action::Print(byte, 1),
        };
        let line = lines.last_mut();
        match (action, line) {
            (Action::NewLine, _) if length > 0 => lines.push(Vec::new()),
            (Action::Print(byte, count), Some(line)) => {
                let count = count.min(COLUMNS_MAX.saturating_sub(length));
                line.extend(std::iter::repeat_n(byte, count));
            }
            (Action::Repeat(count), Some(line)) => {
                let count = count.min(COLUMNS_MAX.saturating_sub(length));
                let last = line.last().copied().unwrap_or(b' ');
                line.extend(std::iter::repeat_n(last, count));
            }
            _ => {}
        }
    }
    lines
}

/// What a terminal does.
#[derive(Clone, Copy)]
enum Action {
    Print(u8, usize),
    /// Prints what was printed last.
    Repeat(usize),
    NewLine,
    /// Colours and the like.
    Nothing,
}

/// Reads what follows an ESC (ECMA-48), and what follows that.
fn sequence(text: &[u8]) -> (Action, &[u8]) {
    let Some((&kind, rest)) = text.split_first() else { return (Action::Nothing, text) };
    match kind {
        b'[' => {}
        // A title, to its end.
        b']' => {
            let end = rest.iter().position(|&byte| byte == 0x07).map_or(rest.len(), |at| at + 1);
            return (Action::Nothing, &rest[end..]);
        }
        // Which characters there are: `ESC ( B`.
        b'(' | b')' => return (Action::Nothing, rest.get(1..).unwrap_or_default()),
        _ => return (Action::Nothing, rest),
    }
    let length = rest.iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
    let (parameters, rest) = rest.split_at(length);
    let Some((&end, rest)) = rest.split_first() else { return (Action::Nothing, rest) };
    let number = std::str::from_utf8(parameters).ok().and_then(|text| text.parse().ok());
    let number: usize = number.unwrap_or(1).max(1);
    let action = match end {
        b'C' => Action::Print(b' ', number),
        b'b' => Action::Repeat(number),
        // To a place, to a row, to the next row.
        b'H' | b'f' | b'd' | b'E' | b'B' => Action::NewLine,
        _ => Action::Nothing,
    };
    (action, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(screen: &[u8]) -> Vec<String> {
        let lines = lines(screen).into_iter();
        lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
    }

    #[test]
    fn colours_go_and_moves_become_blanks_and_lines() {
        assert_eq!(text(b"\x1b[H\x1b[J\x1b(B\x1b[m 10731\x1b[K"), [" 10731"]);
        assert_eq!(text(b"a\x1b[8;1Hb\x1b[3Cc\x1b[9dd \x1b[2be"), ["a", "b   c", "d   e"]);
        assert_eq!(text(b"\x1b]0;title\x07x\x1b["), ["x"]);
    }

    #[test]
    fn no_sequence_makes_a_line_endless() {
        let lines = lines(b"x\x1b[99999999C\x1b[99999999b");
        assert!(lines.iter().all(|line| line.len() <= COLUMNS_MAX));
    }
}
