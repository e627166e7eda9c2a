//! Snapshots to JSON: the envelope of every report, one crate, section, package or function to a
//! line, so that a version control system stores two of them well.
//!
//! A function is `[shared, rest, crate, by, section, family, size]`: its name is the first
//! `shared` bytes of the name before and `rest`; `by` and `family` are -1 where there is none. So
//! the 14 MB of names in a library of 150 MB take 5.

use super::{
    depth::JsonDepth,
    model::{Build, Crate, Function, Measures, Package, SCHEMA, Section, Snapshot, VIEW},
    names,
};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};

/// The buffer is handed on when it is about this full.
const CHUNK: usize = 1 << 16;
/// So many functions are written at once, on each core.
const ROWS: usize = 1 << 11;
/// And so often before they go out.
const BUFFERS: usize = 8;
/// Bytes of a row, more than most have.
const ROW: usize = 80;

impl Snapshot {
    /// Writes the snapshot.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut out = Lines {
            to,
            buffer: Vec::with_capacity(CHUNK * 2),
        };
        let head = [
            ("schema", json!(SCHEMA)),
            ("tool_version", json!(env!("CARGO_PKG_VERSION"))),
            ("view", json!(VIEW)),
            ("artifact", self.artifact_json()),
            (
                "total",
                json!({
                    "file": self.artifact.file_size,
                    "shipped": self.artifact.shipped_size,
                    "memory": self.memory,
                }),
            ),
            ("measures", measures_json(&self.measures)),
            ("build", self.build.as_ref().map_or(Value::Null, build_json)),
        ];
        for (index, (key, value)) in head.iter().enumerate() {
            out.raw(if index == 0 { "{" } else { ",\n" });
            out.json(key)?;
            out.raw(":");
            out.json(value)?;
        }
        let packages = self.build.iter().flat_map(|build| &build.packages);
        out.list("packages", packages.map(package_json))?;
        out.list("rows", self.crates.iter().map(crate_json))?;
        out.list("sections", self.sections.iter().map(section_json))?;
        let mut before = "";
        out.list(
            "families",
            self.families.iter().map(|name| {
                let shared = names::shared(before, name);
                before = name;
                (shared, name.get(shared..).unwrap_or_default())
            }),
        )?;
        out.raw(",\n\"functions\":[");
        out.flush()?;
        // The same buffers again: fresh memory costs more than what is written to it.
        let mut buffers = vec![Vec::new(); BUFFERS];
        let mut first = 0;
        for functions in self.functions.chunks(BUFFERS * ROWS) {
            let parts = functions.par_chunks(ROWS).zip(&mut buffers).enumerate();
            parts.try_for_each(|(part, (functions, rows))| {
                self.function_rows(first + part * ROWS, functions, rows)
            })?;
            for rows in buffers.iter().take(functions.len().div_ceil(ROWS)) {
                out.to.write_all(rows)?;
            }
            first += functions.len();
        }
        out.raw("],\n\"warnings\":");
        out.json(&self.warnings)?;
        out.raw("}\n");
        out.flush()
    }

    /// The rows of functions from the one with this index on, instead of what is in `rows`.
    fn function_rows(
        &self,
        first: usize,
        functions: &[Function],
        rows: &mut Vec<u8>,
    ) -> io::Result<()> {
        let number = |index: Option<u32>| index.map_or(-1, i64::from);
        rows.clear();
        rows.reserve(functions.len() * ROW);
        let mut before = match first.checked_sub(1) {
            Some(before) => self.names.get(before),
            None => "",
        };
        for (index, function) in (first..).zip(functions) {
            let name = self.names.get(index);
            let shared = names::shared(before, name);
            before = name;
            let row = (
                shared,
                name.get(shared..).unwrap_or_default(),
                function.owner,
                number(function.by),
                function.section,
                number(function.family),
                function.size,
            );
            rows.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
            serde_json::to_writer(&mut *rows, &row)?;
        }
        Ok(())
    }

    fn artifact_json(&self) -> Value {
        let artifact = &self.artifact;
        let mut json = json!({
            "path": artifact.path,
            "format": artifact.format,
            "architecture": artifact.architecture,
            "file_size": artifact.file_size,
            "shipped_size": artifact.shipped_size,
            "package": artifact.package,
            "target_name": artifact.target_name,
            "target_kind": artifact.target_kind,
            "profile": artifact.profile,
            "build_notes": artifact.build_notes,
            "stripped": artifact.stripped,
        });
        if artifact.absent {
            json["absent"] = true.into();
        }
        if let Some(depth) = artifact.depth {
            json["depth"] = json!(JsonDepth::from(depth));
        }
        json
    }
}

struct Lines<'w> {
    to: &'w mut dyn Write,
    buffer: Vec<u8>,
}

impl Lines<'_> {
    fn raw(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn json(&mut self, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, value)?;
        if self.buffer.len() >= CHUNK {
            self.to.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn list<T: Serialize>(&mut self, key: &str, rows: impl Iterator<Item = T>) -> io::Result<()> {
        self.raw(",\n");
        self.json(key)?;
        self.raw(":[");
        for (index, row) in rows.enumerate() {
            self.raw(if index == 0 { "\n" } else { ",\n" });
            self.json(&row)?;
        }
        self.raw("]");
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        self.to.flush()
    }
}

fn measures_json(measures: &Measures) -> Value {
    let Measures {
        file,
        shipped,
        gzip,
        zstd,
        brotli,
        flash,
        ram,
    } = measures;
    let mut json = json!({
        "file": file, "shipped": shipped, "gzip": gzip, "zstd": zstd, "flash": flash, "ram": ram
    });
    // Few snapshots have it.
    if let (Some(brotli), Some(members)) = (brotli, json.as_object_mut()) {
        members.insert("brotli".into(), (*brotli).into());
    }
    json
}

fn build_json(build: &Build) -> Value {
    let Build {
        toolchain,
        triple,
        profile,
        rustflags,
        packages: _,
    } = build;
    json!({"toolchain": toolchain, "triple": triple, "profile": profile, "rustflags": rustflags})
}

fn package_json(package: &Package) -> Value {
    let Package {
        name,
        version,
        features,
        dependencies,
    } = package;
    json!({"name": name, "version": version, "features": features, "dependencies": dependencies})
}

fn crate_json(row: &Crate) -> Value {
    let Crate {
        name,
        package,
        version,
        origin,
        file,
        shipped,
        memory,
        parts,
    } = row;
    let mut json = json!({
        "name": name, "package": package, "version": version, "origin": origin.as_str(),
        "file": file, "shipped": shipped, "memory": memory,
    });
    for (category, bytes) in parts.iter() {
        json[category.as_str()] = bytes.into();
    }
    json
}

fn section_json(row: &Section) -> Value {
    let Section {
        name,
        kind,
        file,
        shipped,
        memory,
    } = row;
    json!({"name": name, "kind": kind, "file": file, "shipped": shipped, "memory": memory})
}
