//! What a text is, by a few of its lines: for those who looked for something else in it.

/// A text that the program knows, whoever reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    /// A recording of the kernel's trace events.
    Recording,
    /// `/proc/allocinfo`.
    Allocinfo,
    /// `page_owner`, or what `page_owner_sort` made of it.
    PageOwner,
    /// A report of kmemleak.
    Kmemleak,
    /// `/proc/slabinfo`.
    Slabinfo,
    /// `/proc/meminfo`.
    Meminfo,
    /// slabtop.
    Slabtop,
    /// `vmstat -m`.
    Vmstat,
    /// A report that this program has written.
    Report,
}

/// Who reads a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextReader {
    /// The program itself.
    Main,
    /// Its subcommand `kmemleak`.
    Kmemleak,
    /// Its subcommand `monitor`.
    Monitor,
}

/// What a line of each kind holds. The first that is found decides: a kind that others quote comes
/// behind them.
const SIGNS: [(&[u8], TextKind); 13] = [
    (b"\"schema\": \"slabtrace", TextKind::Report),
    (b"\"schema\":\"slabtrace", TextKind::Report),
    (b"unreferenced object 0x", TextKind::Kmemleak),
    (b"Page allocated via order ", TextKind::PageOwner),
    (b"allocinfo - version", TextKind::Allocinfo),
    (b"# tracer: ", TextKind::Recording),
    (b"call_site=", TextKind::Recording),
    (b"slabinfo - version", TextKind::Slabinfo),
    (b"<active_objs> <num_objs>", TextKind::Slabinfo),
    (b"OBJS ACTIVE ", TextKind::Slabtop),
    (b"  Num  Total   Size  Pages", TextKind::Vmstat),
    (b"MemTotal: ", TextKind::Meminfo),
    (b"SUnreclaim: ", TextKind::Meminfo),
];

impl TextKind {
    /// What a text is that begins so.
    pub fn guess(beginning: &[u8]) -> Option<TextKind> {
        let is_in =
            |(sign, _): &&(&[u8], TextKind)| memchr::memmem::find(beginning, sign).is_some();
        SIGNS.iter().find(is_in).map(|&(_, kind)| kind)
    }

    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            TextKind::Recording => "a recording of trace events",
            TextKind::Allocinfo => "/proc/allocinfo",
            TextKind::PageOwner => "output of page_owner",
            TextKind::Kmemleak => "a report of kmemleak",
            TextKind::Slabinfo => "/proc/slabinfo",
            TextKind::Meminfo => "/proc/meminfo",
            TextKind::Slabtop => "output of slabtop",
            TextKind::Vmstat => "output of vmstat -m",
            TextKind::Report => "a report of slabtrace",
        }
    }

    /// Who reads it; nobody reads a report again.
    pub fn reader(self) -> Option<TextReader> {
        match self {
            TextKind::Recording | TextKind::Allocinfo | TextKind::PageOwner => {
                Some(TextReader::Main)
            }
            TextKind::Kmemleak => Some(TextReader::Kmemleak),
            TextKind::Slabinfo | TextKind::Meminfo | TextKind::Slabtop | TextKind::Vmstat => {
                Some(TextReader::Monitor)
            }
            TextKind::Report => None,
        }
    }

    /// Why a reader found nothing in it, and what to do.
    pub fn advice(self, reader: TextReader) -> String {
        let title = self.title();
        match self.reader() {
            None => format!("this is {title}; give the text that it was made of"),
            Some(own) if own == reader => {
                format!("this is {title}, but nothing in it is whole; give it as it was printed")
            }
            Some(TextReader::Main) => format!("this is {title}; give it to: slabtrace"),
            Some(TextReader::Kmemleak) => {
                format!("this is {title}; give it to: slabtrace kmemleak")
            }
            Some(TextReader::Monitor) => format!("this is {title}; give it to: slabtrace monitor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_beginning() {
        for (text, kind) in [
            ("slabinfo - version: 2.1\n", Some(TextKind::Slabinfo)),
            ("MemTotal:       16384 kB\n", Some(TextKind::Meminfo)),
            ("  OBJS ACTIVE  USE OBJ SIZE  SLABS\n", Some(TextKind::Slabtop)),
            ("Cache                       Num  Total   Size  Pages\n", Some(TextKind::Vmstat)),
            ("unreferenced object 0xffff\n", Some(TextKind::Kmemleak)),
            ("Page allocated via order 0, mask 0x1", Some(TextKind::PageOwner)),
            ("{\n  \"schema\": \"slabtrace.report/1\",", Some(TextKind::Report)),
            ("[    1.0] hello\n", None),
        ] {
            assert_eq!(TextKind::guess(text.as_bytes()), kind, "{text}");
        }
    }

    #[test]
    fn advice_names_who_reads_it() {
        let says = |kind: TextKind, reader| kind.advice(reader);
        assert!(says(TextKind::Slabinfo, TextReader::Main).ends_with("slabtrace monitor"));
        assert!(says(TextKind::PageOwner, TextReader::Main).contains("nothing in it is whole"));
        assert!(says(TextKind::PageOwner, TextReader::Kmemleak).ends_with(": slabtrace"));
    }
}
