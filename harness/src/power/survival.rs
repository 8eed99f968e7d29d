//! Medians of times of which some are only known to be longer than the time that was watched: Kaplan and Meier 1958.
//!
//! A trial that reached its budget without a detection is *censored*: it says "later than that". Leaving such trials out,
//! or counting them as detections at the budget, would make a slow strategy look fast.

/// What one trial says about the time to detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When it was detected, or until when nothing was.
    pub at: u64,
    /// Whether it was.
    pub detected: bool,
}

/// The curve at an instant at which something was detected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The instant.
    pub at: u64,
    /// The estimated share of trials in which it takes longer.
    pub survival: f64,
    /// The standard error of that (Greenwood 1926).
    pub error: f64,
}

/// The median, with its 95 % interval. `None` means beyond what was watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Median {
    /// The smallest instant at which at most half of the trials are left.
    pub median: Option<u64>,
    /// Lower end of the interval (Brookmeyer and Crowley 1982).
    pub low: Option<u64>,
    /// Upper end of it.
    pub high: Option<u64>,
}

/// The points of the curve, in order of time.
#[must_use]
pub fn curve(observations: &[Observation]) -> Vec<Point> {
    let mut sorted = observations.to_vec();
    // A trial censored at an instant was still watched at it.
    sorted.sort_by_key(|seen| (seen.at, !seen.detected));
    let (mut points, mut survival, mut greenwood) = (Vec::new(), 1.0_f64, 0.0_f64);
    let mut next = 0;
    while let Some(seen) = sorted.get(next) {
        let at = seen.at;
        let watched = (sorted.len() - next) as f64;
        let here = sorted[next..].iter().take_while(|seen| seen.at == at);
        let (count, detected) =
            here.fold((0, 0_u32), |(count, detected), seen| (count + 1, detected + u32::from(seen.detected)));
        next += count;
        if detected == 0 {
            continue;
        }
        let detected = f64::from(detected);
        survival *= 1.0 - detected / watched;
        // Where nobody is left the error is nothing, not a division by nothing.
        if watched > detected {
            greenwood += detected / (watched * (watched - detected));
        }
        points.push(Point { at, survival, error: survival * greenwood.sqrt() });
    }
    points
}

/// The median of some trials.
#[must_use]
pub fn median(observations: &[Observation]) -> Median {
    /// Quantile of the normal distribution for 95 %, two-sided.
    const Z: f64 = 1.959_964;
    /// So that a third of three is a third.
    const ROUNDING: f64 = 1e-9;
    let points = curve(observations);
    let median = points.iter().find(|point| point.survival <= 0.5 + ROUNDING).map(|point| point.at);
    let plausible = |point: &&Point| (point.survival - 0.5).abs() <= Z * point.error + ROUNDING;
    let low = points.iter().find(plausible).map(|point| point.at).or(median);
    // The interval ends where the curve leaves it for good.
    let high = match points.iter().rposition(|point| plausible(&point)) {
        Some(last) => points.get(last + 1).map(|point| point.at),
        None => median,
    };
    Median { median, low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(detected: &[u64], censored: &[u64]) -> Vec<Observation> {
        let all = |at: &[u64], detected| at.iter().map(move |at| Observation { at: *at, detected }).collect::<Vec<_>>();
        [all(detected, true), all(censored, false)].concat()
    }

    /// Remission of leukaemia under 6-mercaptopurine (Freireich and others 1963), the example of the textbooks: weeks,
    /// estimates and standard errors as printed there, median 23.
    #[test]
    fn the_textbook_example() {
        let weeks = seen(&[6, 6, 6, 7, 10, 13, 16, 22, 23], &[6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
        let printed = [
            (6, 0.857, 0.0764),
            (7, 0.807, 0.0869),
            (10, 0.753, 0.0963),
            (13, 0.690, 0.1068),
            (16, 0.627, 0.1141),
            (22, 0.538, 0.1282),
            (23, 0.448, 0.1346),
        ];
        let points = curve(&weeks);
        assert_eq!(points.len(), printed.len());
        for (point, (at, survival, error)) in points.iter().zip(printed) {
            assert_eq!(point.at, at);
            assert!((point.survival - survival).abs() < 0.000_6, "{point:?}");
            assert!((point.error - error).abs() < 0.000_06, "{point:?}");
        }
        assert_eq!(median(&weeks), Median { median: Some(23), low: Some(13), high: None });
    }

    /// Without censoring it is the ordinary median; with more than half censored there is none.
    #[test]
    fn extremes() {
        assert_eq!(median(&seen(&[1, 2, 3, 4, 5], &[])).median, Some(3));
        assert_eq!(median(&seen(&[1], &[9, 9])).median, None);
        assert_eq!(median(&seen(&[], &[9, 9])), Median::default());
        assert_eq!(median(&[]), Median::default());
        assert_eq!(median(&seen(&[4, 4, 4], &[])), Median { median: Some(4), low: Some(4), high: Some(4) });
    }

    /// Leaving censored trials out would halve this median: that is what the estimate is for.
    #[test]
    fn censored_trials_count() {
        let trials = seen(&[1, 2, 3, 40, 50], &[60, 60, 60]);
        assert_eq!(median(&trials).median, Some(40));
        assert_eq!(median(&seen(&[1, 2, 3, 40, 50], &[])).median, Some(3));
    }
}
