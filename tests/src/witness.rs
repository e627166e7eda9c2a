//! What binutils says of a file: `nm`, `size`, `readelf`, `strip`, `objcopy`.

use crate::command::{command, succeed};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A section as `readelf --section-headers --wide` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// `PROGBITS`, `NOBITS`, …
    pub kind: String,
    /// Its address, zero when it is not loaded.
    pub address: u64,
    /// Where it is in the file.
    pub offset: u64,
    /// Its bytes, in memory for `NOBITS`.
    pub size: u64,
}

/// All sections but the null one.
pub fn readelf_sections(file: &Path) -> Vec<Section> {
    let text = succeed(
        command("readelf")
            .args(["--section-headers", "--wide"])
            .arg(file),
    );
    let rows = text.lines().filter_map(|line| {
        // `  [ 1] .interp PROGBITS 00000000000002e0 0002e0 00001c 00 A 0 0 1`
        let (number, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
        number
            .trim()
            .parse::<u32>()
            .ok()
            .filter(|&number| number > 0)?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Section {
            name: (*fields.first()?).to_owned(),
            kind: (*fields.get(1)?).to_owned(),
            address: hexadecimal(fields.get(2)?)?,
            offset: hexadecimal(fields.get(3)?)?,
            size: hexadecimal(fields.get(4)?)?,
        })
    });
    rows.collect()
}

/// `size -A`: the bytes of each section in memory.
pub fn size_by_section(file: &Path) -> BTreeMap<String, u64> {
    let text = succeed(command("size").arg("-A").arg(file));
    let rows = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (name, size, address) = (fields.next()?, fields.next()?, fields.next()?);
        address.parse::<u64>().ok()?;
        Some((name.to_owned(), size.parse().ok()?))
    });
    rows.collect()
}

/// A symbol as `nm` prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol {
    /// Its address.
    pub address: u64,
    /// Its bytes; zero when the table does not say.
    pub size: u64,
    /// `T`, `t`, `W`, …
    pub class: char,
    /// Its name, mangled.
    pub name: String,
}

/// The defined symbols of the symbol table.
pub fn nm(file: &Path) -> Vec<Symbol> {
    let text = succeed(
        command("nm")
            .args(["--defined-only", "--format=posix"])
            .arg(file),
    );
    let rows = text.lines().filter_map(|line| {
        // `name class address [size]`
        let mut fields = line.rsplitn(4, ' ').collect::<Vec<_>>();
        fields.reverse();
        let at = fields.iter().position(|field| field.len() == 1)?;
        Some(Symbol {
            name: fields[..at].join(" "),
            class: fields[at].chars().next()?,
            address: hexadecimal(fields.get(at + 1)?)?,
            size: fields
                .get(at + 2)
                .and_then(|size| hexadecimal(size))
                .unwrap_or(0),
        })
    });
    rows.collect()
}

/// Splits a program as distributions do: a stripped file, and its debug file.
pub fn split_debug(file: &Path) -> (PathBuf, PathBuf) {
    let stripped = file.with_extension("stripped");
    let debug = file.with_extension("debug");
    succeed(
        command("objcopy")
            .arg("--only-keep-debug")
            .arg(file)
            .arg(&debug),
    );
    succeed(command("strip").arg("-o").arg(&stripped).arg(file));
    (stripped, debug)
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}
