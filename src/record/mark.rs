//! x86's context markers between frames.

/// Where a stretch of an x86 backtrace lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mark {
    /// `<TASK>`: the task's own stack.
    Task,
    /// The end of the backtrace: `</TASK>` from 5.16 on, a double line of i386 to 2.6.24,
    /// `Stack dump complete` of tile.
    TaskEnd,
    /// `<IRQ>`: the interrupt stack, used by hard interrupts and soft ones.
    Irq,
    /// `</IRQ>`, `<EOI>`: what follows was interrupted.
    IrqEnd,
    /// `<SOFTIRQ>`: i386's stack for soft interrupts.
    Softirq,
    /// `</SOFTIRQ>`.
    SoftirqEnd,
    /// `<NMI>`.
    Nmi,
    /// `</NMI>`.
    NmiEnd,
    /// Any other exception stack, such as `<#DF>` or `<ENTRY_TRAMPOLINE>`, and its end.
    Other,
}

/// Spellings from 2.6.22 on, with and without doubled angle brackets.
const MARKS: [(&[u8], Mark); 14] = [
    (b"<TASK>", Mark::Task),
    (b"</TASK>", Mark::TaskEnd),
    (b"<IRQ>", Mark::Irq),
    (b"</IRQ>", Mark::IrqEnd),
    (b"<EOI>", Mark::IrqEnd),
    (b"<<EOI>>", Mark::IrqEnd),
    (b"<SOFTIRQ>", Mark::Softirq),
    (b"</SOFTIRQ>", Mark::SoftirqEnd),
    (b"<NMI>", Mark::Nmi),
    (b"<<NMI>>", Mark::Nmi),
    (b"</NMI>", Mark::NmiEnd),
    (b"<EOE>", Mark::NmiEnd),
    (b"<<EOE>>", Mark::NmiEnd),
    (b"</HARDIRQ>", Mark::IrqEnd),
];

impl Mark {
    /// Every marker, in the order in which they are declared.
    pub(crate) const ALL: [Mark; 9] = [
        Mark::Task,
        Mark::TaskEnd,
        Mark::Irq,
        Mark::IrqEnd,
        Mark::Softirq,
        Mark::SoftirqEnd,
        Mark::Nmi,
        Mark::NmiEnd,
        Mark::Other,
    ];

    /// Whether what follows was running when an interrupt came.
    pub(crate) fn ends_context(self) -> bool {
        matches!(self, Mark::IrqEnd | Mark::SoftirqEnd | Mark::NmiEnd)
    }

    //  <IRQ>
    //  </TASK>
    //  <#DF>
    //  =======================                i386, 2.6.22 to 2.6.24
    // Stack dump complete                     tile
    /// Reads a line that holds a marker and nothing else.
    pub fn parse(text: &[u8]) -> Option<Mark> {
        if matches!(text, b" =======================" | b"Stack dump complete") {
            return Some(Mark::TaskEnd);
        }
        let (mark, taken) = Mark::leading(text.trim_ascii_start())?;
        text.trim_ascii_start()[taken..].trim_ascii().is_empty().then_some(mark)
    }

    /// Reads a marker at the front of `text`, and tells its length.
    pub(super) fn leading(text: &[u8]) -> Option<(Mark, usize)> {
        if text.first() != Some(&b'<') {
            return None;
        }
        if let Some((spelling, mark)) =
            MARKS.iter().find(|(spelling, _)| text.starts_with(spelling))
        {
            return Some((*mark, spelling.len()));
        }
        let end = text.iter().take(24).position(|&byte| byte == b'>')?;
        let name = &text[1..end];
        let known = name.iter().all(|&byte| {
            byte.is_ascii_uppercase()
                || matches!(byte, b'#' | b'_' | b'/' | b'<' | b'[' | b']' | b'0'..=b'9')
        });
        let doubled = text[end + 1..].starts_with(b">");
        let taken = end + 1 + usize::from(doubled);
        (known && name.iter().any(u8::is_ascii_uppercase)).then_some((Mark::Other, taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_stands_alone_on_its_line() {
        assert_eq!(Mark::parse(b" <IRQ>"), Some(Mark::Irq));
        assert_eq!(Mark::parse(b" </TASK>"), Some(Mark::TaskEnd));
        assert_eq!(Mark::parse(b" <<EOE>> "), Some(Mark::NmiEnd));
        assert_eq!(Mark::parse(b" <#DF>"), Some(Mark::Other));
        assert_eq!(Mark::parse(b" <<#DB[1]>> "), Some(Mark::Other));
        assert_eq!(Mark::parse(b" ======================="), Some(Mark::TaskEnd));
        assert_eq!(Mark::parse(b"======================="), None);
        assert_eq!(Mark::parse(b"<6>"), None);
        assert_eq!(Mark::parse(b"<IRQ> and more"), None);
    }
}
