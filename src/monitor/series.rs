//! Samples to series: values over time, as far as the machine and its clock ran on.

use super::MonitorOptions;
use super::report::TimeUnit;
use super::restart::is_restarted;
use super::sample::{Collection, Sample};
use super::uptime::Uptime;
use crate::statistics::median;

/// A pause so many times longer than usual is a gap: the machine slept, or its clock was set.
const GAP_FACTOR: f64 = 1000.0;

/// Samples without a date take one from their neighbours, if at least one in so many has one.
const DATED_ONE_IN: usize = 4;

/// The stretches of a log.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    /// In the order of the log, or of time where the files were given otherwise.
    pub(super) stretches: Vec<Stretch<'a>>,
    /// Whether files were put in another order than they were given in.
    pub(super) order: Order,
    /// How often the machine was restarted.
    pub(super) restarts: u64,
    /// Samples that got their time from their neighbours.
    pub(super) undated: u64,
}

/// The order of the inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// As they were given.
    AsGiven,
    /// They were not given oldest first, and were sorted by their dates.
    Sorted,
}

/// The samples of one stretch of time, in order.
#[derive(Debug)]
pub(super) struct Stretch<'a> {
    pub(super) unit: TimeUnit,
    /// Time and sample; the time of the first is 0.
    pub(super) samples: Vec<(f64, &'a Sample)>,
    /// Seconds since 1970 of the first and the last sample.
    pub(super) ends: Option<(f64, f64)>,
}

/// Cuts a log where the machine was restarted, and where its clock was set.
pub(super) fn timeline(collection: &Collection, options: MonitorOptions) -> Timeline<'_> {
    let (samples, order) = sorted(&collection.samples);
    let is_timed = |sample: &&&Sample| sample.date.is_some() || clock(sample).is_some();
    let timed = samples.iter().filter(is_timed).count();
    // A log whose dates are mostly missing is read as one without.
    let clock = if timed >= 2 && timed * DATED_ONE_IN >= samples.len() {
        Source::Clocks
    } else {
        Source::Interval(options)
    };
    let boots = boots(&samples, collection);
    let restarts = boots.len().saturating_sub(1) as u64;
    let mut undated = 0;
    let stretches = boots
        .into_iter()
        .flat_map(|boot| match clock {
            Source::Clocks => timed_stretches(boot, &mut undated),
            Source::Interval(options) => vec![counted_stretch(boot, options)],
        })
        .collect();
    let mut timeline = Timeline { stretches, order, restarts, undated };
    if !collection.is_dated {
        timeline.stretches.iter_mut().for_each(|stretch: &mut Stretch<'_>| stretch.ends = None);
    }
    timeline
}

/// Where times come from.
#[derive(Clone, Copy)]
enum Source {
    Clocks,
    Interval(MonitorOptions),
}

impl<'a> Timeline<'a> {
    /// The stretch with most samples; the last one of these.
    pub(super) fn longest(&self) -> Option<&Stretch<'a>> {
        self.stretches.iter().max_by_key(|stretch| stretch.samples.len())
    }
}

fn clock(sample: &Sample) -> Option<f64> {
    sample.uptime.and_then(Uptime::clock)
}

/// The samples with their inputs in the order of their dates, if that makes time run forward.
fn sorted(samples: &[Sample]) -> (Vec<&Sample>, Order) {
    let given: Vec<&Sample> = samples.iter().collect();
    let mut inputs: Vec<&[Sample]> = samples.chunk_by(|a, b| a.input == b.input).collect();
    if inputs.len() < 2 || run_on(&inputs) {
        return (given, Order::AsGiven);
    }
    inputs.sort_by(|a, b| {
        let first = |input| ends(input).map_or((f64::INFINITY, 0.0), |ends| ends.0);
        let (a, b) = (first(a), first(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    if run_on(&inputs) {
        (inputs.into_iter().flatten().collect(), Order::Sorted)
    } else {
        (given, Order::AsGiven)
    }
}

/// A date, and the uptime to tell samples of one second apart.
type Mark = (f64, f64);

/// The first and the last date of an input.
fn ends(input: &[Sample]) -> Option<(Mark, Mark)> {
    let mark = |sample: &Sample| Some((sample.date?, clock(sample).unwrap_or(0.0)));
    let mut marks = input.iter().filter_map(mark);
    let first = marks.next()?;
    Some((first, marks.next_back().unwrap_or(first)))
}

/// Whether each input begins where the one before it ends, or later.
fn run_on(inputs: &[&[Sample]]) -> bool {
    let ends: Option<Vec<(Mark, Mark)>> = inputs.iter().map(|input| ends(input)).collect();
    ends.is_some_and(|ends| ends.windows(2).all(|pair| pair[0].1 <= pair[1].0))
}

/// The samples from one restart of the machine to the next.
fn boots<'a, 'b>(samples: &'b [&'a Sample], collection: &Collection) -> Vec<&'b [&'a Sample]> {
    samples.chunk_by(|a, b| !is_restarted(a, b, collection)).collect()
}

fn counted_stretch<'a>(samples: &[&'a Sample], options: MonitorOptions) -> Stretch<'a> {
    let interval = options.interval.unwrap_or(1.0);
    let times = (0u32..).map(|at| f64::from(at) * interval);
    Stretch {
        unit: if options.interval.is_some() { TimeUnit::Second } else { TimeUnit::Sample },
        samples: times.zip(samples.iter().copied()).collect(),
        ends: None,
    }
}

/// The stretches of a boot in which time runs forward.
fn timed_stretches<'a>(boot: &[&'a Sample], undated: &mut u64) -> Vec<Stretch<'a>> {
    let has_uptime = boot.iter().filter(|sample| clock(sample).is_some()).count() * 2 > boot.len();
    // Dates jump where a clock is set, and many boards begin in 1970. Uptime never does.
    let time = |sample: &&'a Sample| if has_uptime { clock(sample) } else { sample.date };
    let times: Vec<Option<f64>> = boot.iter().map(time).collect();
    let (times, filled) = filled(&times);
    *undated += filled;
    let samples: Vec<(f64, &Sample)> = times.into_iter().zip(boot.iter().copied()).collect();
    split(&samples).into_iter().map(|samples| stretch(samples, has_uptime)).collect()
}

fn stretch<'a>(samples: &[(f64, &'a Sample)], is_uptime: bool) -> Stretch<'a> {
    let first = samples.first().map_or(0.0, |sample| sample.0);
    let last = samples.last().map_or(first, |sample| sample.0);
    // The last date is the one that is likeliest to be right.
    let dated = samples.iter().rev().find_map(|(time, sample)| Some((*time, sample.date?)));
    let offset = match dated {
        Some((time, date)) if is_uptime => Some(date - time),
        Some(_) => Some(0.0),
        None => None,
    };
    Stretch {
        unit: TimeUnit::Second,
        samples: samples.iter().map(|&(time, sample)| (time - first, sample)).collect(),
        ends: offset.map(|offset| (first + offset, last + offset)),
    }
}

/// Times with those that are missing put in evenly, and how many were missing.
fn filled(times: &[Option<f64>]) -> (Vec<f64>, u64) {
    let known: Vec<(usize, f64)> =
        times.iter().enumerate().filter_map(|(at, time)| Some((at, (*time)?))).collect();
    let missing = (times.len() - known.len()) as u64;
    let step = |pair: &[(usize, f64)]| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0) as f64;
    let usual = median(&known.windows(2).map(step).collect::<Vec<_>>());
    let place = |at: usize| {
        let behind = known.partition_point(|&(known, _)| known <= at);
        match (known[..behind].last(), known.get(behind)) {
            (Some(&(before, time)), next) => {
                let step = next.map_or(usual, |&next| step(&[(before, time), next]));
                time + step * (at - before) as f64
            }
            (None, Some(&(next, time))) => time - usual * (next - at) as f64,
            (None, None) => 0.0,
        }
    };
    ((0..times.len()).map(place).collect(), missing)
}

fn split<'b, 'a>(samples: &'b [(f64, &'a Sample)]) -> Vec<&'b [(f64, &'a Sample)]> {
    let steps: Vec<f64> = samples.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let forward: Vec<f64> = steps.into_iter().filter(|&step| step > 0.0).collect();
    let longest = median(&forward).max(1.0) * GAP_FACTOR;
    samples.chunk_by(|a, b| (0.0..=longest).contains(&(b.0 - a.0))).collect()
}

impl Stretch<'_> {
    /// How long it is.
    pub(super) fn span(&self) -> f64 {
        self.samples.last().map_or(0.0, |sample| sample.0)
    }

    /// The series of every cache, by the caches' indices.
    pub(super) fn caches(&self, count: usize) -> Vec<Vec<(f64, f64)>> {
        let mut series = vec![Vec::new(); count];
        for (time, sample) in &self.samples {
            for counted in &sample.caches {
                series[counted.cache].push((*time, counted.active as f64));
            }
        }
        series
    }

    /// The series of a value that some samples have.
    pub(super) fn series(&self, value: impl Fn(&Sample) -> Option<f64>) -> Vec<(f64, f64)> {
        let points = self.samples.iter().filter_map(|(time, sample)| Some((*time, value(sample)?)));
        points.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(date: Option<f64>, uptime: Option<f64>) -> Sample {
        Sample { date, uptime: uptime.map(Uptime::exact), ..Sample::default() }
    }

    fn times(samples: Vec<Sample>) -> Vec<Vec<f64>> {
        let collection = Collection { samples, ..Collection::default() };
        let timeline = timeline(&collection, MonitorOptions::default());
        let times = |stretch: &Stretch<'_>| stretch.samples.iter().map(|sample| sample.0).collect();
        timeline.stretches.iter().map(times).collect()
    }

    #[test]
    fn a_lost_date_is_put_in_between() {
        let dates = [Some(100.0), Some(110.0), None, None, Some(140.0), None];
        let found = times(dates.iter().map(|&date| sample(date, None)).collect());
        assert_eq!(found, [[0.0, 10.0, 20.0, 30.0, 40.0, 50.0]]);
    }

    #[test]
    fn uptime_runs_on_where_the_date_is_set() {
        let samples = [(5.0, 30.0), (65.0, 90.0), (1.7e9, 150.0), (1.7e9 + 60.0, 210.0)];
        let samples = samples.map(|(date, uptime)| sample(Some(date), Some(uptime)));
        assert_eq!(times(samples.to_vec()), [[0.0, 60.0, 120.0, 180.0]]);
        let restarted = [10.0, 20.0, 5.0, 15.0].map(|uptime| sample(None, Some(uptime)));
        assert_eq!(times(restarted.to_vec()), [[0.0, 10.0], [0.0, 10.0]]);
    }

    #[test]
    fn files_out_of_order_are_sorted() {
        let dates = [(300.0, 0), (310.0, 0), (100.0, 1), (110.0, 1), (200.0, 2)];
        let samples = dates.map(|(date, input)| Sample { input, ..sample(Some(date), None) });
        let collection = Collection { samples: samples.to_vec(), ..Collection::default() };
        let timeline = timeline(&collection, MonitorOptions::default());
        assert_eq!((timeline.order, timeline.stretches.len()), (Order::Sorted, 1));
        assert!((timeline.stretches[0].span() - 210.0).abs() < 1e-9);
    }
}
