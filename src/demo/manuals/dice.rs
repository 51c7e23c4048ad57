//! Numbers that look random and are the same on every machine and day.

/// A `SplitMix64` generator.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// A generator of its own for one text and number.
    pub(super) fn of(text: &str, number: u64) -> Self {
        // FNV-1a, 64 bits.
        let start = 0xcbf2_9ce4_8422_2325 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let seed = text
            .bytes()
            .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(seed)
    }

    /// 64 fresh bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A byte.
    pub(super) fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[7]
    }

    /// At least `low`, below `high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        let [.., a, b] = self.bits().to_le_bytes();
        low + (high - low) * f32::from(u16::from_le_bytes([a, b])) / 65_536.0
    }

    /// One of `0..count`; `count` is at least 1.
    pub(super) fn below(&mut self, count: u8) -> u8 {
        self.byte() % count.max(1)
    }
}
