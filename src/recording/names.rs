//! Texts that name the functions of a kernel whose recording does not.

use std::io::Read;

use super::symbols::{KernelSymbols, Landmark, MAX_TEXT_BYTES};

/// Texts of `System.map` or `/proc/kallsyms`, in the order in which they are tried.
#[derive(Default)]
pub(super) struct Names {
    texts: Vec<Box<dyn Read + Send>>,
}

impl Names {
    /// These texts, which are read where they are needed.
    pub(super) fn of(texts: Vec<Box<dyn Read + Send>>) -> Names {
        Names { texts }
    }

    /// The functions of the first text that fits a kernel. Without a landmark its addresses are
    /// taken as they are.
    pub(super) fn find(&mut self, landmark: Option<&Landmark>) -> Option<KernelSymbols> {
        self.texts.drain(..).find_map(|reader| {
            let mut text = Vec::new();
            // What cannot be read names nothing: who gave it is told elsewhere.
            reader.take(MAX_TEXT_BYTES as u64).read_to_end(&mut text).ok()?;
            let symbols = KernelSymbols::parse(&text);
            let fitted = match landmark {
                Some(landmark) => symbols.fitted(landmark)?,
                None => symbols,
            };
            (!fitted.is_empty()).then_some(fitted)
        })
    }
}
