use super::*;
use crate::gate::{change::Change, harness::Measured, verdict::Evidence};

fn measured(minimum: f64, median: f64, p90: f64) -> Measured {
    Measured {
        minimum,
        median,
        p90: Some(p90),
        samples: 2,
        mode: None,
        throughput: None,
        elapsed: Duration::ZERO,
        step: 0.0,
    }
}

/// One process of each block was disturbed, now the one and now the other: of one of them alone the
/// 90th percentile would be below the median of both.
#[test]
fn quantiles_are_of_the_same_processes() {
    let (calm, disturbed) = (measured(9.0, 10.0, 11.0), measured(9.0, 30.0, 31.0));
    let blocks: Vec<Block> = (0..12)
        .map(|_| Block {
            baseline: [calm.clone(), disturbed.clone()],
            current: [calm.clone(), disturbed.clone()],
        })
        .collect();
    let change = Change::of_pairs(blocks.iter().map(Block::pair));
    let verdict = super::super::verdict::judge(&[Evidence::new(change, Limits::default())], 1);
    let figures = figures(&blocks, &verdict[0], None).unwrap();
    assert_eq!(figures.medians, (20.0, 20.0));
    assert_eq!(figures.p90, Some((21.0, 21.0)));
}
