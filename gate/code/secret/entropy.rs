/// The Shannon entropy of a text's bytes, in thousandths of a bit a byte.
pub(crate) fn entropy(text: &str) -> u32 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum();
    // At most 8 bits a byte: it fits.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 8000")]
    let thousandths = (bits * 1000.0).clamp(0.0, 8000.0) as u32;
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_nothing_to_much() {
        for (text, expected) in
            [("", 0), ("aaaa", 0), ("abab", 1000), ("abcd", 2000), ("0123456789abcdef", 4000)]
        {
            assert_eq!(entropy(text), expected, "{text}");
        }
    }
}
