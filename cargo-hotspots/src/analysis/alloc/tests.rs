use super::*;

fn row(bytes: u64, leaked_bytes: u64) -> AllocRow {
    AllocRow {
        name: "f".into(),
        label: unknown(),
        file: None,
        line: None,
        figures: Figures {
            bytes,
            leaked_bytes,
            ..Figures::default()
        },
        samples: 1,
        own: 0.0,
        charged: 0.0,
        caused: 0.0,
        interval: None,
    }
}

/// Of 1,000 bytes 600 are never freed: estimates give the first row more of them than it has, and the
/// others keep their proportion of 2 to 1.
#[test]
fn no_row_never_frees_more_than_it_has_and_the_total_stays() {
    let leaked = |rows: &[AllocRow]| -> Vec<u64> {
        rows.iter().map(|row| row.figures.leaked_bytes).collect()
    };
    let mut rows = [row(150, 300), row(450, 200), row(350, 100), row(50, 0)];
    cap(&mut rows, |figures| &mut figures.leaked_bytes);
    assert_eq!(leaked(&rows), [150, 300, 150, 0]);
    // What one cannot take goes on to the next.
    let mut rows = [row(100, 300), row(250, 200), row(650, 100)];
    cap(&mut rows, |figures| &mut figures.leaked_bytes);
    assert_eq!(leaked(&rows), [100, 250, 250]);
    // All are full, or nothing is there.
    let mut rows = [row(100, 300), row(0, 0)];
    cap(&mut rows, |figures| &mut figures.leaked_bytes);
    assert_eq!(leaked(&rows), [100, 0]);
}
