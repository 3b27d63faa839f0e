//! Names of months and of time zones.

/// Months of the locales that people's machines are set to, by what their names begin with, in
/// small letters. English, German, French, Spanish, Italian, Portuguese, Dutch, the Nordic
/// languages, Polish, Czech, Russian and Turkish.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen", "sty", "led", "янв", "oca"],
    &["feb", "fév", "fev", "lut", "úno", "фев", "şub"],
    &["mar", "mär", "mrz", "mrt", "maa", "bře", "мар"],
    &["apr", "avr", "abr", "kwi", "dub", "апр", "nis"],
    &["may", "mai", "mag", "mei", "maj", "kvě", "май", "мая"],
    &["jun", "juin", "giu", "cze", "čen", "июн", "haz"],
    &["jul", "juil", "lug", "lip", "čec", "июл", "tem"],
    &["aug", "aoû", "ago", "sie", "srp", "авг", "ağu"],
    &["sep", "set", "wrz", "zář", "сен", "eyl"],
    &["oct", "okt", "ott", "out", "paź", "říj", "окт", "eki"],
    &["nov", "lis", "ноя", "kas"],
    &["dec", "dez", "déc", "dic", "gru", "pro", "дек", "ara"],
];

/// Longer words are no months.
const LETTERS_MAX: usize = 12;

/// Whether a word could be part of a date that a logger puts in front of lines: a number, or a
/// name of the C locale.
pub(super) fn is_date_word(word: &str) -> bool {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let bare = word.trim_matches(['[', ']', ',']);
    bare.bytes().any(|byte| byte.is_ascii_digit())
        || WEEKDAYS.contains(&bare)
        || matches!(bare, "AM" | "PM")
        || zone_seconds(bare).is_some()
        || bare.len() == 3 && month(bare).is_some()
}

/// The number of a month's name, from 1.
pub(super) fn month(word: &str) -> Option<i8> {
    if word.chars().count() > LETTERS_MAX || !word.chars().all(char::is_alphabetic) {
        return None;
    }
    let word = word.to_lowercase();
    let begins = |names: &&[&str]| names.iter().any(|name| word.starts_with(name));
    i8::try_from(MONTHS.iter().position(begins)? + 1).ok()
}

/// Zones and their hours ahead of UTC. Some names are used for several zones; what matters is
/// that winter and summer time of each go together.
const ZONES: [(&str, f64); 46] = [
    ("UTC", 0.0),
    ("GMT", 0.0),
    ("Z", 0.0),
    ("UCT", 0.0),
    ("WET", 0.0),
    ("WEST", 1.0),
    ("BST", 1.0),
    ("CET", 1.0),
    ("MET", 1.0),
    ("CEST", 2.0),
    ("MEST", 2.0),
    ("MEZ", 1.0),
    ("MESZ", 2.0),
    ("EET", 2.0),
    ("EEST", 3.0),
    ("SAST", 2.0),
    ("CAT", 2.0),
    ("EAT", 3.0),
    ("WAT", 1.0),
    ("MSK", 3.0),
    ("TRT", 3.0),
    ("PKT", 5.0),
    ("IST", 5.5),
    ("IDT", 6.5),
    ("WIB", 7.0),
    ("SGT", 8.0),
    ("HKT", 8.0),
    ("AWST", 8.0),
    ("JST", 9.0),
    ("KST", 9.0),
    ("ACST", 9.5),
    ("ACDT", 10.5),
    ("AEST", 10.0),
    ("AEDT", 11.0),
    ("NZST", 12.0),
    ("NZDT", 13.0),
    ("EST", -5.0),
    ("EDT", -4.0),
    ("CST", -6.0),
    ("CDT", -5.0),
    ("MST", -7.0),
    ("MDT", -6.0),
    ("PST", -8.0),
    ("PDT", -7.0),
    ("AKST", -9.0),
    ("HST", -10.0),
];

/// Seconds ahead of UTC of a zone's name or number: `CET`, `+01:00`, `-0330`, `+03`, `UTC+0100`.
pub(super) fn zone_seconds(word: &str) -> Option<f64> {
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == word) {
        return Some(hours * 3600.0);
    }
    let number = word.strip_prefix("UTC").or_else(|| word.strip_prefix("GMT")).unwrap_or(word);
    let sign = match number.as_bytes().first()? {
        b'+' => 1.0,
        b'-' => -1.0,
        _ => return None,
    };
    let digits: String = number[1..].chars().filter(|c| *c != ':').collect();
    let is_number = matches!(digits.len(), 1 | 2 | 4) && digits.bytes().all(|b| b.is_ascii_digit());
    let value: u32 = digits.parse().ok().filter(|_| is_number)?;
    let (hours, minutes) = if digits.len() == 4 { (value / 100, value % 100) } else { (value, 0) };
    Some(sign * f64::from(hours * 60 + minutes) * 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_the_names_of_many_languages() {
        for (name, number) in [
            ("Nov", 11),
            ("novembre", 11),
            ("März", 3),
            ("mars", 3),
            ("juin", 6),
            ("juillet", 7),
            ("août", 8),
            ("ноября", 11),
            ("Dez", 12),
            ("paź", 10),
        ] {
            assert_eq!(month(name), Some(number), "{name}");
        }
        assert_eq!(month("Samstag").or(month("kernel")).or(month("")), None);
    }

    #[test]
    fn zones_have_names_and_numbers() {
        for (zone, hours) in [("CEST", 2.0), ("+0530", 5.5), ("-03", -3.0), ("UTC+0100", 1.0)] {
            assert_eq!(zone_seconds(zone), Some(hours * 3600.0), "{zone}");
        }
        assert_eq!(zone_seconds("root").or(zone_seconds("+a")).or(zone_seconds("+")), None);
    }
}
