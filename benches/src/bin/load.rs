//! Leans on a messenger over HTTP; see `load --help`.

use clap::Parser as _;
use messenger_benches::Outcome;
use messenger_benches::load::load;
use messenger_benches::load::options::Options;

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let report = load(&options).await?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
