//! Writes fleets of real-sized clusters:
//! `cargo bench --bench generate -- --out DIR [--sizes 10,100] [--form jsonnet|json|yaml] [--seed N]`

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "benches are programs of their own: they read arguments, write files and print"
)]

mod fleet;

use fleet::{Form, Order, SEED};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "usage: generate --out DIR [--sizes 10,100] [--form jsonnet|json|yaml] [--seed N]";

fn main() -> ExitCode {
    let Some(order) = order(std::env::args().skip(1)) else {
        // `cargo bench` and `cargo test --benches` start every bench without arguments.
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let sizes = fleet::write(&order);
    let (least, most) = (sizes.iter().min(), sizes.iter().max());
    let mean = sizes.iter().sum::<usize>() / sizes.len().max(1);
    println!(
        "{} clusters; bytes of JSON each: {} to {}, mean {mean}",
        sizes.len(),
        least.unwrap_or(&0),
        most.unwrap_or(&0),
    );
    ExitCode::SUCCESS
}

fn order(mut args: impl Iterator<Item = String>) -> Option<Order> {
    let mut folder = None;
    let mut order = Order {
        folder: PathBuf::new(),
        sizes: vec![10],
        form: Form::Jsonnet,
        seed: SEED,
    };
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .unwrap_or_else(|| panic!("{arg} needs a value\n{USAGE}"))
        };
        match arg.as_str() {
            "--out" => folder = Some(PathBuf::from(value())),
            "--sizes" => {
                order.sizes = value()
                    .split(',')
                    .map(|n| n.parse().expect("a number"))
                    .collect();
            }
            "--form" => {
                let name = value();
                let mut forms = [Form::Jsonnet, Form::Json, Form::Yaml].into_iter();
                order.form = forms.find(|form| form.ending() == name).expect("a form");
            }
            "--seed" => order.seed = value().parse().expect("a number"),
            // What cargo itself adds.
            "--bench" => {}
            other => panic!("unknown argument {other}\n{USAGE}"),
        }
    }
    Some(Order {
        folder: folder?,
        ..order
    })
}
