//! Address ranges, looked up by an address that they contain.

/// Ranges with what belongs to each.
#[derive(Debug)]
pub(super) struct Ranges<T> {
    /// By where they begin, of equal ones the longest first.
    ranges: Vec<Range<T>>,
}

#[derive(Debug)]
struct Range<T> {
    begin: u64,
    end: u64,
    /// The farthest end of this range and all before it.
    reach: u64,
    value: T,
}

impl<T> Ranges<T> {
    /// Sorts ranges; empty ones contain nothing and are left out.
    pub(super) fn new(ranges: impl IntoIterator<Item = (u64, u64, T)>) -> Ranges<T> {
        let ranges = ranges.into_iter().filter(|(begin, end, _)| begin < end);
        let mut ranges: Vec<Range<T>> =
            ranges.map(|(begin, end, value)| Range { begin, end, reach: end, value }).collect();
        ranges.sort_by(|one, other| one.begin.cmp(&other.begin).then(other.end.cmp(&one.end)));
        let mut reach = 0;
        for range in &mut ranges {
            reach = reach.max(range.end);
            range.reach = reach;
        }
        Ranges { ranges }
    }

    /// Every range: where it begins and ends, and what belongs to it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64, &T)> {
        self.ranges.iter().map(|range| (range.begin, range.end, &range.value))
    }

    /// What belongs to the ranges that contain an address, with where each begins; those that
    /// begin last come first.
    pub(super) fn find(&self, address: u64) -> impl Iterator<Item = (u64, &T)> {
        let behind = self.ranges.partition_point(|range| range.begin <= address);
        let before = self.ranges[..behind].iter().rev();
        let near = before.take_while(move |range| address < range.reach);
        near.filter(move |range| address < range.end).map(|range| (range.begin, &range.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_around_an_address_is_found_the_innermost_first() {
        let ranges = Ranges::new([
            (0x10, 0x90, "outer"),
            (0x20, 0x28, "before"),
            (0x30, 0x40, "inner"),
            (0x50, 0x50, "empty"),
            (0xa0, 0xb0, "behind"),
        ]);
        let at = |address| ranges.find(address).map(|(_, &name)| name).collect::<Vec<_>>();
        assert_eq!(at(0x0f), [""; 0]);
        assert_eq!(at(0x10), ["outer"]);
        assert_eq!(at(0x38), ["inner", "outer"]);
        assert_eq!(at(0x40), ["outer"]);
        assert_eq!(at(0x50), ["outer"]);
        assert_eq!(at(0x90), [""; 0]);
        assert_eq!(at(0xaf), ["behind"]);
        assert_eq!(ranges.find(0x38).map(|(begin, _)| begin).next(), Some(0x30));
    }
}
