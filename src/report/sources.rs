//! Source places for a report's frames.

use super::absence::{Absence, forget_absence};
use super::{Advice, FrameReport, Report, fingerprint};
use crate::record::frame::Aim;
use crate::symbol::{Frame, Position, Reason, Resolution, Symbolizer, Warning};

impl Report {
    /// Looks up where in the source every frame of every chain lies.
    pub fn add_sources(&mut self, symbols: &mut impl Symbolizer) {
        for boot in &self.boots {
            if let Some(release) = &boot.kernel {
                symbols.set_release(release);
            }
            if let Some(build_id) = &boot.build_id {
                symbols.set_build_id(build_id);
            }
            for group in self.groups.iter_mut().filter(|group| group.boot == boot.index) {
                if add_places(&mut group.chain, boot.index, symbols) {
                    group.fingerprint = fingerprint(&group.cache, &group.chain);
                }
            }
        }
        forget_absence(self.groups.iter_mut().map(|group| &mut group.chain));
        let chains = || self.groups.iter().map(|group| &group.chain);
        let absence = [Absence::of_images(chains()), Absence::of_names(chains())];
        self.advice.extend(absence.into_iter().flatten().map(Advice::Absent));
    }

    /// Takes warnings about the images into the report.
    pub fn add_symbol_warnings(&mut self, warnings: &[Warning]) {
        self.advice.extend(warnings.iter().cloned().map(Advice::Symbols));
    }

    /// Whether any image was doubtful or unusable.
    pub fn has_symbol_warnings(&self) -> bool {
        self.advice.iter().any(|advice| matches!(advice, Advice::Symbols(_)))
    }
}

/// Looks up where in the source the frames of a chain lie. Tells whether one has a name that it had
/// not.
pub(crate) fn add_places(
    chain: &mut [FrameReport],
    boot: usize,
    symbols: &mut impl Symbolizer,
) -> bool {
    let mut has_new_name = false;
    for frame in chain.iter_mut() {
        has_new_name |= add_name(frame, boot, symbols);
    }
    for at in 0..chain.len() {
        let (inner, outer) = chain.split_at_mut(at + 1);
        if let Some(frame) = inner.last_mut() {
            add_source(frame, outer, boot, symbols);
        }
    }
    has_new_name
}

/// Names a bare address, where the log told only behind it where its kernel ran. Tells whether it
/// has a function now.
fn add_name(frame: &mut FrameReport, boot: usize, symbols: &mut impl Symbolizer) -> bool {
    let (None, None, Some(address)) = (&frame.function, &frame.module, frame.address) else {
        return false;
    };
    match symbols.name(Some(boot), address) {
        Ok(named) => {
            frame.offset = named.function.is_some().then_some(named.offset);
            frame.size = named.size;
            frame.function = named.function;
            frame.module = named.module;
        }
        Err(reason) => frame.unresolved = Some(reason),
    }
    frame.function.is_some()
}

/// Looks up where a frame lies; `outer` are those behind it in the chain.
fn add_source(
    frame: &mut FrameReport,
    outer: &[FrameReport],
    boot: usize,
    symbols: &mut impl Symbolizer,
) {
    let Some(asked) = asked(frame) else {
        if frame.module.is_some() && frame.address.is_some() && symbols.has_addresses() {
            frame.unresolved = Some(Reason::OutsideKernel);
        }
        return;
    };
    let mut answer = symbols.resolve(&asked);
    if let Resolution::Missing(Reason::Ambiguous(_)) = answer
        && let Some(linked) = linked(frame, &asked, outer, boot, symbols)
    {
        answer = symbols.resolve(&Frame { linked: Some(linked), ..asked });
    }
    match answer {
        Resolution::Found(source) => frame.source = Some(source),
        Resolution::Missing(reason) => frame.unresolved = Some(reason),
    }
}

/// A frame as it is asked for; nothing for one without a function or an offset.
fn asked(frame: &FrameReport) -> Option<Frame<'_>> {
    Some(Frame {
        function: frame.function.as_deref()?,
        offset: frame.offset?,
        size: frame.size,
        module: frame.module.as_deref(),
        build_id: frame.build_id.as_deref(),
        position: match (frame.aim, frame.reliable) {
            (Aim::Instruction, _) => Position::Exact,
            (Aim::BehindCall, true) => Position::Return,
            (Aim::BehindCall, false) => Position::Stale,
        },
        linked: None,
    })
}

/// Where in the image a frame lies whose function is not the only one of its name: by its address,
/// or by the call that led to it.
fn linked(
    frame: &FrameReport,
    asked: &Frame<'_>,
    outer: &[FrameReport],
    boot: usize,
    symbols: &mut impl Symbolizer,
) -> Option<u64> {
    let named = frame.address.and_then(|address| symbols.name(Some(boot), address).ok());
    let named = named.filter(|named| named.function.as_deref() == Some(asked.function));
    if let Some(linked) = named.and_then(|named| named.linked) {
        return Some(linked);
    }
    let caller = outer.iter().find(|caller| caller.reliable)?;
    if caller.context != frame.context || !frame.reliable || frame.aim == Aim::Instruction {
        return None;
    }
    let called = symbols.called(&self::asked(caller)?)?;
    called.checked_add(asked.offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol::Source;
    use crate::{Analysis, AnalysisOptions};

    const LOG: &[u8] = b"\
[    1.000000] TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080
[    1.000100] CPU: 0 PID: 90 Comm: insmod Not tainted 6.1.0 #1
[    1.000200] Call Trace:
[    1.000300]  dump_stack_lvl+0x44/0x5c
[    1.000500]  __kmalloc+0x49/0x150
[    1.000600]  leaky_init+0x20/0x1000 [leaky]
[    1.000700]  ? do_one_initcall+0x59/0x220
[    1.000800]  do_init_module+0x4a/0x1f0
";

    /// A table in place of images.
    struct Table {
        release: String,
        knows: &'static str,
    }

    impl Symbolizer for Table {
        fn resolve(&mut self, frame: &Frame<'_>) -> Resolution {
            if frame.function != self.knows {
                return Resolution::Missing(Reason::NoImage);
            }
            let file = format!("{:?} {:?}.c", frame.position, frame.module);
            Resolution::Found(Source {
                file,
                line: Some(7),
                column: None,
                text: None,
                inlined: Vec::new(),
            })
        }

        fn set_release(&mut self, release: &str) -> bool {
            release.clone_into(&mut self.release);
            true
        }
    }

    fn report(knows: &'static str) -> (Report, Table) {
        let mut analysis = Analysis::new(AnalysisOptions::default());
        analysis.feed(LOG);
        let mut report = analysis.finish();
        let mut table = Table { release: String::new(), knows };
        report.add_sources(&mut table);
        (report, table)
    }

    #[test]
    fn frames_get_their_place_or_the_reason_why_not() {
        let (report, table) = report("leaky_init");
        assert_eq!(table.release, "6.1.0");
        let chain = &report.groups[0].chain;
        let source = chain[0].source.as_ref().expect("the table knows it");
        assert_eq!(source.file, "Return Some(\"leaky\").c");
        assert_eq!(chain[0].unresolved, None);
        assert_eq!(chain[1].unresolved, Some(Reason::NoImage));
    }

    #[test]
    fn without_images_no_frame_complains() {
        let (report, _) = report("nothing");
        assert!(report.groups[0].chain.iter().all(|frame| frame.unresolved.is_none()));
    }
}
