//! The forms of lists.

use super::ListedPackage;
use crate::{
    attribution::Origin,
    cargo::{PackageSource, package_of_id},
};
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use std::io::Read;

/// Longer lists are not read. cargo-auditable's own readers stop at 8 MiB.
pub(super) const MAX_TEXT: u64 = 16 << 20;

#[derive(Deserialize)]
struct Auditable {
    packages: Vec<AuditablePackage>,
}

#[derive(Deserialize)]
struct AuditablePackage {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    root: bool,
}

/// The content of `.dep-v0`.
pub(super) fn auditable(compressed: &[u8]) -> Option<Vec<ListedPackage>> {
    let mut text = Vec::new();
    // Deflate makes at most 1032 bytes of one.
    let most = (compressed.len() as u64).saturating_mul(1032).min(MAX_TEXT);
    let mut stream = ZlibDecoder::new(compressed).take(most + 1);
    stream.read_to_end(&mut text).ok()?;
    if text.len() as u64 > most {
        return None;
    }
    let list: Auditable = serde_json::from_slice(&text).ok()?;
    let linked = |package: &AuditablePackage| package.kind.as_deref() != Some("build");
    let packages = list.packages.into_iter().filter(linked);
    let packages = packages.map(|package| ListedPackage {
        origin: match package.source.as_str() {
            "crates.io" | "registry" => Origin::Registry,
            "git" => Origin::Git,
            "local" => Origin::Workspace,
            _ => Origin::Unknown,
        },
        name: package.name,
        library: None,
        version: package.version,
        root: package.root,
        directory: None,
    });
    Some(packages.collect())
}

#[derive(Deserialize)]
struct Cyclone {
    #[serde(rename = "bomFormat")]
    format: String,
    metadata: Option<CycloneMetadata>,
    #[serde(default)]
    components: Vec<CycloneComponent>,
}

#[derive(Deserialize)]
struct CycloneMetadata {
    component: Option<CycloneComponent>,
}

#[derive(Deserialize)]
struct CycloneComponent {
    name: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    /// Of the package that the document is of: what cargo builds of it.
    #[serde(default)]
    components: Vec<CycloneTarget>,
}

/// A target of a package. Its `purl` is that of the package, with the root module as the fragment.
#[derive(Deserialize)]
struct CycloneTarget {
    name: String,
    purl: Option<String>,
}

impl CycloneComponent {
    fn package(self, root: bool) -> Option<ListedPackage> {
        let purl = self.purl.filter(|purl| purl.starts_with("pkg:cargo/"))?;
        let origin = match purl.split_once('?').map(|(_, rest)| rest) {
            Some(rest) if rest.contains("download_url=file:") => Origin::Workspace,
            Some(rest) if rest.contains("vcs_url=") => Origin::Git,
            _ => Origin::Registry,
        };
        Some(ListedPackage {
            library: library(&self.components),
            name: self.name,
            version: self.version?,
            origin,
            root,
            directory: self.reference.as_deref().and_then(directory),
        })
    }
}

/// The only target, where it is one of cargo's. Of several nothing says which one the file is.
fn library(targets: &[CycloneTarget]) -> Option<String> {
    let [only] = targets else { return None };
    let purl = only.purl.as_deref()?;
    let is_target = purl.starts_with("pkg:cargo/") && purl.contains('#');
    is_target.then(|| only.name.clone())
}

/// The directory in cargo's id of a package.
fn directory(id: &str) -> Option<String> {
    let path = id.strip_prefix("path+file://")?;
    let (path, _) = path.rsplit_once('#')?;
    Some(path.trim_end_matches('/').to_owned())
}

#[derive(Deserialize)]
struct CargoSbom {
    root: usize,
    crates: Vec<CargoCrate>,
}

#[derive(Deserialize)]
struct CargoCrate {
    id: String,
    #[serde(default)]
    kind: Vec<String>,
}

/// A document in any of the forms; `None` where it is in none, or names no package of cargo's.
pub(super) fn document(text: &[u8]) -> Option<Vec<ListedPackage>> {
    let packages = cyclone(text).or_else(|| cargo(text))?;
    (!packages.is_empty()).then_some(packages)
}

/// Longer documents are not read.
pub(super) fn is_small(bytes: u64) -> bool {
    bytes <= MAX_TEXT
}

fn cyclone(text: &[u8]) -> Option<Vec<ListedPackage>> {
    let document: Cyclone = serde_json::from_slice(text).ok()?;
    if document.format != "CycloneDX" {
        return None;
    }
    let root = document.metadata.and_then(|metadata| metadata.component);
    let root = root.and_then(|component| component.package(true));
    let others = document.components.into_iter();
    let others = others.filter_map(|component| component.package(false));
    Some(root.into_iter().chain(others).collect())
}

fn cargo(text: &[u8]) -> Option<Vec<ListedPackage>> {
    let document: CargoSbom = serde_json::from_slice(text).ok()?;
    let linked = |one: &CargoCrate| {
        let kinds = &one.kind;
        !kinds
            .iter()
            .any(|kind| kind == "custom-build" || kind == "proc-macro")
    };
    let root = document.root;
    let crates = document.crates.into_iter().enumerate();
    let packages = crates
        .filter(|(_, one)| linked(one))
        .filter_map(|(at, one)| {
            let (name, version, source) = package_of_id(&one.id)?;
            let origin = match source {
                PackageSource::Registry => Origin::Registry,
                PackageSource::Git => Origin::Git,
                PackageSource::Path => Origin::Workspace,
            };
            Some(ListedPackage {
                name,
                library: None,
                version,
                origin,
                root: at == root,
                directory: directory(&one.id),
            })
        });
    Some(packages.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    fn shown(packages: &[ListedPackage]) -> Vec<String> {
        let show =
            |it: &ListedPackage| format!("{} {} {} {}", it.name, it.version, it.origin, it.root);
        packages.iter().map(show).collect()
    }

    #[test]
    fn what_only_runs_while_building_is_left_out() {
        let text = br#"{"packages":[
            {"name":"a-b","version":"1.0.0","source":"crates.io"},
            {"name":"cc","version":"1.2.0","source":"crates.io","kind":"build"},
            {"name":"x","version":"0.1.0","source":"local","root":true,"dependencies":[0]}],
            "format":1}"#;
        let packages = auditable(&packed(text)).unwrap();
        assert_eq!(
            shown(&packages),
            ["a-b 1.0.0 registry false", "x 0.1.0 workspace true"]
        );
        let sbom = br#"{"version":1,"root":1,"crates":[
            {"id":"registry+https://x#a-b@1.0.0","features":[],"dependencies":[],"kind":["lib"]},
            {"id":"path+file:///w/x#0.1.0","features":[],"dependencies":[],"kind":["bin"]},
            {"id":"registry+https://x#d@1.0.0","features":[],"dependencies":[],"kind":["proc-macro"]}],
            "rustc":{},"target":""}"#;
        assert_eq!(shown(&document(sbom).unwrap()), shown(&packages));
    }

    #[test]
    fn other_ecosystems_in_a_document_are_not_ours() {
        let text = br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
            {"bom-ref":"path+file:///w/x/d#0.1.0","name":"d","version":"0.1.0",
                "purl":"pkg:cargo/d@0.1.0?download_url=file://d"},
            {"type":"library","name":"a","version":"1.0.0","purl":"pkg:cargo/a@1.0.0"},
            {"type":"library","name":"b","version":"2.0.0","purl":"pkg:cargo/b@2.0.0?vcs_url=git%2Bhttps://x"},
            {"type":"library","name":"openssl","version":"3.0","purl":"pkg:generic/openssl@3.0"}],
            "metadata":{"component":{"name":"x","version":"0.1.0",
                "purl":"pkg:cargo/x@0.1.0?download_url=file://.",
                "components":[{"name":"x_rust","purl":"pkg:cargo/x@0.1.0?download_url=file://.#src/lib.rs"}]}}}"#;
        let packages = document(text).unwrap();
        assert_eq!(packages[0].library.as_deref(), Some("x_rust"));
        assert_eq!(packages[1].library, None);
        let expected = [
            "x 0.1.0 workspace true",
            "d 0.1.0 workspace false",
            "a 1.0.0 registry false",
            "b 2.0.0 git false",
        ];
        assert_eq!(shown(&packages), expected);
        assert!(packages[1].stands_in("x/d") && packages[1].stands_in("/w/x/d"));
        assert!(!packages[1].stands_in("d2") && !packages[1].stands_in("y/d"));
        assert_eq!(
            document(br#"{"bomFormat":"CycloneDX","components":[]}"#),
            None
        );
    }

    #[test]
    fn a_list_that_grows_beyond_measure_is_not_read() {
        assert_eq!(
            auditable(&packed(&vec![b' '; (MAX_TEXT + 1) as usize])),
            None
        );
        assert_eq!(auditable(b"no stream"), None);
        assert_eq!(auditable(&packed(b"[1, 2]")), None);
    }
}
