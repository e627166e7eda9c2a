//! What of this machine decides whether numbers from another moment can be compared with new ones.
//!
//! Sources: `/proc/cpuinfo` on Linux (`model name`, or on Arm the numbers of the implementer and
//! the part), `sysctl machdep.cpu.brand_string` on macOS, `PROCESSOR_IDENTIFIER` on Windows. Two
//! processors of one model can still differ in frequency, cooling and neighbours: the model is
//! necessary for comparing numbers, and never enough.

use codecost::cargo::{Context, Rustflags};

/// The processor's model; `None` where the system does not say.
pub fn cpu(context: &Context) -> Option<String> {
    if cfg!(target_os = "linux") {
        let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
        return model_of_cpuinfo(&text);
    }
    if cfg!(target_os = "macos") {
        let mut command = context.command("sysctl");
        let output = command.args(["-n", "machdep.cpu.brand_string"]).output();
        let text = String::from_utf8(output.ok()?.stdout).ok()?;
        return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    context.var("PROCESSOR_IDENTIFIER")
}

fn model_of_cpuinfo(text: &str) -> Option<String> {
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    let named = value("model name").filter(|name| !name.is_empty());
    named.or_else(|| {
        let part = value("CPU part")?;
        Some(format!("Arm {} {part}", value("CPU implementer")?))
    })
}

/// Whether the flags make code for the building machine's own processor.
pub fn is_native(rustflags: &Rustflags) -> bool {
    rustflags.codegen("target-cpu") == Some("native")
}

/// What git says, where there is one and it can.
pub(super) fn git(context: &Context, arguments: &[&str]) -> Option<String> {
    let mut command = context.command("git");
    let output = command.args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_a_name_or_arms_numbers() {
        let intel = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)  @ 2.00GHz\n";
        assert_eq!(
            model_of_cpuinfo(intel).as_deref(),
            Some("Intel(R) Xeon(R)  @ 2.00GHz")
        );
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(model_of_cpuinfo(arm).as_deref(), Some("Arm 0x41 0xd0c"));
        assert_eq!(model_of_cpuinfo("processor: 0\n"), None);
    }
}
