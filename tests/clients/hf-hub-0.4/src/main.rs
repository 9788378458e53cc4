//! hf-hub 0.4 fetches files of a model: `hf-hub-client ENDPOINT CACHE MODEL FILE…`. Prints their paths.

use hf_hub::api::sync::ApiBuilder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, cache, model, files @ ..] = arguments.as_slice() else { return Err("ENDPOINT CACHE MODEL FILE…".into()) };
    let api = ApiBuilder::new().with_endpoint(endpoint.clone()).with_cache_dir(cache.into()).with_progress(false).build()?;
    let repo = api.model(model.clone());
    let info = repo.info()?;
    println!("{}", info.sha);
    for file in files {
        if !info.siblings.iter().any(|sibling| sibling.rfilename == *file) {
            return Err(format!("{file} is not listed").into());
        }
        println!("{}", repo.get(file)?.display());
    }
    Ok(())
}
