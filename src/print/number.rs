//! Numbers as people read them.

/// Digits in groups of three: `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun, which takes an `s` where there is not just one.
pub fn counted(value: u64, noun: &str) -> String {
    let number = count(value);
    match noun.strip_suffix('y') {
        _ if value == 1 => format!("{number} {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ if noun.ends_with('s') => format!("{number} {noun}es"),
        _ => format!("{number} {noun}s"),
    }
}

/// A size in binary units with three significant digits: `512 B`, `5.2 KiB`, `1.50 GiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut size = value as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A span of time: `870 ms`, `7.5 s`, `12 min 30 s`, `3 h 20 min`, `4 d 2 h`.
pub(crate) fn duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a sane span"
    )]
    let whole = seconds.clamp(0.0, 1e12).round() as u64;
    match whole {
        _ if seconds < 0.000_999_5 => format!("{:.0} µs", seconds.max(0.0) * 1e6),
        _ if seconds < 0.009_995 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds.max(0.0) * 1e3),
        0..100 => format!("{seconds:.1} s"),
        100..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86400 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86400, whole % 86400 / 3600),
    }
}

/// Two spans of time, the shorter first: `2.2 to 2.6 s`, `870 ms to 1.5 s`.
pub(crate) fn durations(shorter: f64, longer: f64) -> String {
    let (shorter, longer) = (duration(shorter), duration(longer));
    let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
    match (unit(&shorter), unit(&longer)) {
        _ if shorter == longer => longer,
        (Some(one), Some(other)) if one == other => {
            format!("{} to {longer}", shorter.split(' ').next().unwrap_or_default())
        }
        _ => format!("{shorter} to {longer}"),
    }
}

/// Bars for a series, the highest as high as a line of text.
pub(crate) fn sparkline(series: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = series.iter().copied().max().unwrap_or(0).max(1);
    let bar = |value: u64| {
        let height = u128::from(value) * 7 / u128::from(most);
        BARS[usize::try_from(height).unwrap_or(7)]
    };
    series.iter().map(|&value| bar(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_in_threes() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "free"), counted(2000, "free")], ["1 free", "2,000 frees"]);
        assert_eq!([counted(1, "entry"), counted(2, "entry")], ["1 entry", "2 entries"]);
        assert_eq!([counted(2, "address"), counted(2, "day")], ["2 addresses", "2 days"]);
    }

    #[test]
    fn sizes_have_one_decimal_and_never_four_digits() {
        let shown = [1023, 1024, 1536, 1_048_575, 1 << 30, u64::MAX].map(bytes);
        assert_eq!(shown, ["1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 GiB", "16.0 EiB"]);
    }

    #[test]
    fn spans_are_in_the_units_people_would_use() {
        let shown = [0.0004, 0.87, 7.5, 750.0, 12_000.0, 352_800.0].map(duration);
        assert_eq!(shown, ["400 µs", "870 ms", "7.5 s", "12 min 30 s", "3 h 20 min", "4 d 2 h"]);
    }

    #[test]
    fn the_highest_bar_is_the_greatest_value() {
        assert_eq!(sparkline(&[0, 1, 7]), "▁▂█");
        assert_eq!(sparkline(&[0, 0]), "▁▁");
        assert_eq!(sparkline(&[u64::MAX, u64::MAX / 2]), "█▄");
    }
}
