//! A colour for each crate: the same one in every picture, and one that says what the crate is.

use crate::symbols::Owner;
use codecost::attribution::Origin;

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// The workspace's crates are warm, dependencies cool, what belongs to the system is grey. Among
/// their kind, the name decides.
pub(super) fn of(owner: &Owner, inlined: bool) -> Rgb {
    let name = hash(&owner.name);
    let within = |from: u32, span: u32| (from + name % span) % 360;
    let (hue, saturation, lightness) = match owner.origin {
        Origin::Workspace => (within(345, 60), 0.78, 0.60),
        Origin::Registry | Origin::Git | Origin::Path => (within(75, 200), 0.50, 0.58),
        Origin::Std | Origin::StdDependency => (within(210, 30), 0.14, 0.66),
        Origin::Native => (within(275, 45), 0.30, 0.66),
        Origin::Kernel | Origin::Vdso => (within(30, 10), 0.30, 0.55),
        Origin::Jit | Origin::Linker | Origin::Unknown => (0, 0.0, 0.72),
    };
    // Inlined code is paler.
    let lightness = if inlined { lightness + 0.13 } else { lightness };
    rgb(hue, saturation, lightness)
}

/// FNV-1a: the same on every machine and in every release.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// From hue in degrees, saturation and lightness from 0 to 1 (CSS Color 4, section 7.1).
fn rgb(hue: u32, saturation: f64, lightness: f64) -> Rgb {
    let channel = |n: u32| {
        let k = f64::from((n * 30 + hue) % 360) / 30.0;
        let a = saturation * lightness.min(1.0 - lightness);
        let value = lightness - a * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (value * 255.0).round() as u8
    };
    (channel(0), channel(8), channel(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hue_and_lightness_become_the_colours_that_css_names() {
        assert_eq!(rgb(0, 1.0, 0.5), (255, 0, 0));
        assert_eq!(rgb(120, 1.0, 0.5), (0, 255, 0));
        assert_eq!(rgb(240, 1.0, 0.25), (0, 0, 128));
        assert_eq!(rgb(60, 0.0, 1.0), (255, 255, 255));
    }
}
