//! Cases of the findings about when clusters go.

use super::Case;
use super::scene::Scene;
use crate::model::Known;
use crate::policy::windows::Window;

/// One window every day at 02:00, so long.
fn window(scene: &mut Scene, seconds: u32) {
    scene.settings.windows = vec![Window {
        days: Vec::new(),
        from: 2 * 3600,
        length: seconds,
    }];
}

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-WINDOW",
        says: "the only window lasts ten minutes, and a hop may take an hour",
        comes_up: |scene| window(scene, 600),
        nearest_that_does_not: "there is such a window, and nothing could run in any",
        stays_quiet: |scene| {
            window(scene, 600);
            scene.plane().status = Known::Value("UPDATING".to_owned());
        },
    },
    Case {
        code: "STW-WINDOW",
        says: "a window of a whole day every day: its times are told as a note",
        comes_up: |scene| window(scene, 86_400),
        nearest_that_does_not: "there is such a window, and nothing that could run in it",
        stays_quiet: |scene| {
            window(scene, 86_400);
            scene.plane().status = Known::Value("UPDATING".to_owned());
        },
    },
];
