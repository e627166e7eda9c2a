//! The view of a small function made by hand, in all formats.

use super::write;
use crate::analysis::{
    asm::model::{
        Asm, Caller, Lead, LoopRow, Mark, MarkKind, Part, RangeRow, Row, SourceLine, Weight,
    },
    model::{Analysis, Facts},
};
use codecost::{
    address::{AddressRange, VirtualAddress},
    console::Console,
    report::{Format, OutputOptions, Warning},
};

fn weight(samples: u64) -> Weight {
    Weight {
        samples,
        period: samples * 10,
    }
}

fn row(address: u64, text: &str, samples: u64) -> Row {
    Row {
        address: VirtualAddress(address),
        length: 4,
        text: text.into(),
        own: weight(samples),
        file: Some(0),
        line: Some(3),
        ..Row::default()
    }
}

/// A loop with a check in it, a long stretch that never runs, and a panic.
fn asm() -> Asm {
    let check = Mark {
        kind: MarkKind::BoundsCheck,
        detail: "panic_bounds_check".into(),
        file: Some(0),
        line: Some(4),
    };
    let mut rows = vec![
        row(0x1000, "xor eax, eax", 0),
        Row {
            leader: true,
            innermost: Some(0),
            line: Some(4),
            marks: vec![check],
            target: Some(Lead::Inside(VirtualAddress(0x1050))),
            ..row(0x1004, "jae 0x1050", 20)
        },
        Row {
            innermost: Some(0),
            file: Some(1),
            line: Some(2457),
            inlined: vec!["<u64>::wrapping_add".into()],
            ..row(0x1008, "add rax, [rdi + r9*8]", 60)
        },
        Row {
            innermost: Some(0),
            target: Some(Lead::Inside(VirtualAddress(0x1004))),
            ..row(0x100c, "jne 0x1004", 0)
        },
    ];
    rows.extend(
        (0x1010..0x1050)
            .step_by(4)
            .map(|address| row(address, "nop", 0)),
    );
    rows.push(Row {
        target: Some(Lead::Named("core::panicking::panic_bounds_check".into())),
        ..row(0x1050, "call 0x2000", 0)
    });
    Asm {
        function: "app::sum::<u64>".into(),
        owner: Some("app".into()),
        version: Some("1.0.0".into()),
        module: "/target/release/app".into(),
        event: "cpu-clock".into(),
        total: weight(200),
        own: weight(80),
        parts: vec![Part {
            function: "app::sum::<u64>".into(),
            symbol: "_RINvCs_3app3sumyE".into(),
            ranges: vec![RangeRow {
                addresses: AddressRange::new(VirtualAddress(0x1000), 0x54),
                cold: false,
                own: weight(80),
            }],
            own: weight(80),
            ..Part::default()
        }],
        rows,
        loops: vec![LoopRow {
            header: VirtualAddress(0x1004),
            depth: 1,
            own: weight(80),
            instructions: 3,
            without_inner: 3,
            file: Some(0),
            line: Some(4),
            marks: vec![(MarkKind::BoundsCheck, 1)],
            ..LoopRow::default()
        }],
        callers_if_inlined: vec![Caller {
            function: "app::main".into(),
            own: weight(3),
            shown: false,
        }],
        other_copies: vec![Caller {
            function: "app::sum::<u8>".into(),
            own: weight(2),
            shown: false,
        }],
        source: vec![
            SourceLine {
                file: 0,
                line: 3,
                text: "for index in order {".into(),
            },
            SourceLine {
                file: 0,
                line: 4,
                text: "sum = sum.wrapping_add(values[*index]);".into(),
            },
        ],
        files: vec![
            "/home/user/app/src/main.rs".into(),
            "/rustc/0123/library/core/src/num/uint_macros.rs".into(),
        ],
        warnings: vec![Warning::new("skid", "samples land later")],
        ..Asm::default()
    }
}

fn shown_of(asm: Asm, options: &OutputOptions, width: Option<usize>) -> String {
    let (mut console, captured) = Console::in_memory();
    console.set_width(width);
    let analysis = Analysis {
        facts: Facts::default(),
        total: asm.total,
        warnings: asm.warnings.clone(),
        rows: asm,
    };
    write(&analysis, options, &mut console).unwrap();
    captured.stdout()
}

fn shown(options: &OutputOptions, width: Option<usize>) -> String {
    shown_of(asm(), options, width)
}

fn listing(limit: Option<usize>) -> String {
    let options = OutputOptions {
        limit,
        ..OutputOptions::default()
    };
    let text = shown(&options, None);
    // The header of the recording is the same in all views.
    text.split_once("function  ").unwrap().1.to_owned()
}

#[test]
fn people_get_a_listing() {
    insta::assert_snapshot!(listing(None));
}

#[test]
fn zero_shows_all_and_a_limit_the_hottest() {
    let folded = |text: &str| text.contains("instructions without samples");
    assert!(folded(&listing(None)));
    let all = listing(Some(0));
    assert!(!folded(&all));
    assert_eq!(all.matches(" nop").count(), 16);
    let hottest = listing(Some(1));
    assert!(hottest.contains("add rax"), "{hottest}");
    assert!(folded(&hottest));
}

#[test]
fn lines_fit_the_terminal() {
    let text = shown(&OutputOptions::default(), Some(60));
    let listing = text.split_once("in app::sum").unwrap().1;
    let widest = listing.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(60), "{text}");
    assert!(listing.contains('…'));
}

#[test]
fn machines_get_all_rows_with_the_fields_of_the_contract() {
    let options = OutputOptions {
        format: Format::Json,
        ..OutputOptions::default()
    };
    let json: serde_json::Value = serde_json::from_str(&shown(&options, None)).unwrap();
    assert_eq!(json["schema"], "cargo-hotspots/1");
    assert_eq!(json["view"], "asm");
    assert_eq!(json["function"], "app::sum::<u64>");
    assert_eq!(json["ranges"][0]["start"], 0x1000);
    assert_eq!(json["ranges"][0]["end"], 0x1054);
    assert_eq!(json["callers_if_inlined"][0]["function"], "app::main");
    assert_eq!(json["callers_if_inlined"][0]["self"], 0.015);
    assert_eq!(json["loops"][0]["self"], 0.4);
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 21);
    let row = &rows[2];
    assert_eq!(row["address"], 0x1008);
    assert_eq!(row["text"], "add rax, [rdi + r9*8]");
    assert_eq!(row["self"], 0.3);
    assert_eq!(row["samples"], 60);
    assert_eq!(
        row["file"],
        "/rustc/0123/library/core/src/num/uint_macros.rs"
    );
    assert_eq!(row["line"], 2457);
    assert_eq!(row["inlined"][0], "<u64>::wrapping_add");
    assert_eq!(row["target"], serde_json::Value::Null);
    assert_eq!(rows[1]["target"], "0x1050");
    assert_eq!(rows[1]["marks"][0]["kind"], "bounds-check");
    assert_eq!(rows[20]["target"], "core::panicking::panic_bounds_check");
    assert!(json["warnings"][0]["code"] == "skid");
}

#[test]
fn sorted_it_is_a_table() {
    let options = OutputOptions {
        sort: Some("self".into()),
        limit: Some(2),
        ..OutputOptions::default()
    };
    let text = shown(&options, None);
    let table = text.split_once("Instruction").unwrap().1;
    let first = table.lines().nth(2).unwrap();
    assert!(
        first.contains("30.0%") && first.contains("add rax"),
        "{text}"
    );
    assert!(table.contains("… 19 more"), "{text}");
    let csv = OutputOptions {
        format: Format::Csv,
        ..OutputOptions::default()
    };
    let csv = shown(&csv, None);
    assert_eq!(csv.lines().count(), 22);
    assert!(
        csv.starts_with("self,samples,address,text,target,file,line,inlined,marks\n"),
        "{csv}"
    );
}

/// A hot loop has blocks that hardly run: what is in them is not what its time goes to.
#[test]
fn what_is_in_hot_loops_has_the_share_of_its_block() {
    let of = |change: &dyn Fn(&mut Asm)| {
        let mut asm = asm();
        change(&mut asm);
        shown_of(asm, &OutputOptions::default(), None)
    };
    let mark = |detail: &str| Mark {
        kind: MarkKind::Repeated,
        detail: detail.into(),
        file: Some(0),
        line: Some(3),
    };
    let text = of(&|asm| {
        asm.rows[2].leader = true;
        asm.rows[2].marks = vec![mark("rep movsb")];
        asm.rows[3].leader = true;
        asm.rows[3].marks = vec![mark("rep stosq")];
    });
    assert!(text.contains("10.0%  0x1004  bounds check"), "{text}");
    assert!(
        text.contains("30.0%  0x1008  repeated string instruction (rep movsb)"),
        "{text}"
    );
    assert!(!text.contains("rep stosq"), "{text}");
}
