//! The chart: a group of bars for each case, drawn as SVG.

use crate::bench::case::Outcome;
use crate::bench::stats::Spread;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 120.0;
const BAR: f64 = 18.0;
const GAP: f64 = 6.0;
const HEAD: f64 = 34.0;

/// Bars of the medians, each case on its own scale, with the spread as a thin line.
pub(crate) fn draw(outcomes: &[Outcome]) -> String {
    let mut body = String::new();
    let mut y = 12.0;
    for outcome in outcomes {
        let spreads: Vec<(&str, Spread)> =
            outcome.runs.iter().map(|runs| (runs.name.as_str(), Spread::of_times(runs.times()))).collect();
        let longest = spreads.iter().map(|(_, spread)| spread.most).fold(1e-9, f64::max);
        let scale = (WIDTH - LEFT - RIGHT) / longest;
        body.push_str(&format!(
            "<text x=\"12\" y=\"{:.1}\" class=\"head\">{}: {}</text>\n",
            y + 16.0,
            escape(outcome.name),
            escape(&outcome.title)
        ));
        y += HEAD;
        for (name, spread) in &spreads {
            bar(name.starts_with("model-cache"), name, *spread, scale, y, &mut body);
            y += BAR + GAP;
        }
        y += 12.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y:.0}\" viewBox=\"0 0 {WIDTH} {y:.0}\" \
         role=\"img\" aria-label=\"Times of all cases, shorter is better\">\n<style>\n\
         text {{ font: 13px sans-serif; fill: #24292f; }}\n.head {{ font-weight: 600; }}\n.name {{ text-anchor: end; }}\n\
         .ours {{ fill: #1a7f5a; }}\n.peer {{ fill: #9aa5b1; }}\n.spread {{ stroke: #24292f; stroke-width: 1.5; }}\n\
         </style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

fn bar(ours: bool, name: &str, spread: Spread, scale: f64, y: f64, body: &mut String) {
    let class = if ours { "ours" } else { "peer" };
    let (middle, width) = (y + BAR / 2.0, (spread.median * scale).max(1.0));
    let (from, to) = (LEFT + spread.least * scale, LEFT + spread.most * scale);
    let label =
        if spread.median < 0.1 { format!("{:.1} ms", spread.median * 1e3) } else { format!("{:.2} s", spread.median) };
    body.push_str(&format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" class=\"name\">{}</text>\n\
         <rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" class=\"{class}\"/>\n\
         <line x1=\"{from:.1}\" y1=\"{middle:.1}\" x2=\"{to:.1}\" y2=\"{middle:.1}\" class=\"spread\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\">{label}</text>\n",
        LEFT - 8.0,
        middle + 4.5,
        escape(name),
        to.max(LEFT + width) + 8.0,
        middle + 4.5,
    ));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::case::Runs;
    use crate::bench::measure::Cost;

    #[test]
    fn every_contender_gets_a_bar() {
        let cost = Cost { wall: Duration::from_secs(2), ..Cost::default() };
        let runs = |name: &str| Runs { name: name.to_owned(), shown: String::new(), costs: vec![cost; 3] };
        let outcome = Outcome {
            name: "small",
            title: "a < b".to_owned(),
            runs: vec![runs("ours"), runs("curl & co")],
            figures: Vec::new(),
            skipped: Vec::new(),
        };
        let svg = draw(&[outcome]);
        assert_eq!(svg.matches("<rect x=").count(), 2);
        assert!(svg.contains("curl &amp; co") && svg.contains("a &lt; b") && svg.contains("2.00 s"), "{svg}");
    }
}
