//! Source places for a report's frames.

use super::{Advice, FrameReport, Report};
use crate::symbol::{Frame, Position, Resolution, Symbolizer, Warning};

impl Report {
    /// Looks up where in the source every frame of every chain lies.
    pub fn add_sources(&mut self, symbols: &mut impl Symbolizer) {
        for boot in &self.boots {
            if let Some(release) = &boot.kernel {
                symbols.set_release(release);
            }
            for group in self.groups.iter_mut().filter(|group| group.boot == boot.index) {
                for frame in &mut group.chain {
                    add_source(frame, symbols);
                }
            }
        }
    }

    /// Takes warnings about the images into the report.
    pub fn add_symbol_warnings(&mut self, warnings: &[Warning]) {
        self.advice.extend(warnings.iter().cloned().map(Advice::Symbols));
    }
}

fn add_source(frame: &mut FrameReport, symbols: &mut impl Symbolizer) {
    let (Some(function), Some(offset)) = (frame.function.as_deref(), frame.offset) else { return };
    let asked = Frame {
        function,
        offset,
        size: frame.size,
        module: frame.module.as_deref(),
        build_id: frame.build_id.as_deref(),
        position: if frame.reliable { Position::Return } else { Position::Stale },
    };
    frame.source = match symbols.resolve(&asked) {
        Resolution::Found(source) => Some(source),
        Resolution::Missing(_) => None,
    };
}
