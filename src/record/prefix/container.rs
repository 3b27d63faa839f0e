//! Logs that a container engine keeps in text files.

use super::{Prefix, calendar};
use crate::record::cursor::Cursor;
use crate::time::Stamp;

// 2024-01-26T15:04:11.493181123Z stderr F TRACE …
// 2024-01-26T15:04:11.493181123+08:00 stdout P TRACE …
/// Strips time, stream and the mark of a full or partial line (Kubernetes' CRI).
pub(super) fn cri<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::iso(&mut cursor)?;
    cursor.eat(b" std")?;
    cursor.eat(b"out").or_else(|| cursor.eat(b"err"))?;
    cursor.eat(b" F ").or_else(|| cursor.eat(b" P "))?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(cursor.rest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_and_mark_go_with_the_time() {
        let mut prefix = Prefix::default();
        let line = b"2024-01-26T15:04:11.493181123Z stderr F  <TASK>";
        assert_eq!(cri(line, &mut prefix), Some(&b" <TASK>"[..]));
        assert_eq!(prefix.wall, Some(Stamp::wall(1_706_281_451_493_181)));
        assert_eq!(cri(b"2024-01-26T15:04:11Z stdlog F x", &mut prefix), None);
    }
}
