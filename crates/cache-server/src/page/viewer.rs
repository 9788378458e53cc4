//! [`Viewer`]: the page's viewer and what it may see.

use cache_lib::ModelId;
use http::request::Parts;

use crate::activity::Download;
use crate::app::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::repo::Repo;

/// The page's viewer.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    caller: Caller,
    pub(crate) admin: bool,
}

impl Viewer {
    pub(crate) fn of(app: &App, parts: &Parts) -> Self {
        let caller = Caller::of(parts);
        let admin = app.access.is_admin(&caller);
        Self { caller, admin }
    }

    /// Refuses viewers other than the admin.
    pub(crate) fn must_be_admin(&self) -> Result<(), Problem> {
        if self.admin { Ok(()) } else { Err(Problem::not_admin()) }
    }

    /// Connected by the unix socket of this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.caller.local_admin
    }

    /// Names of models as the viewer knows them, in their order; `None` for hidden ones.
    pub(super) async fn names(&self, app: &App, models: &[&ModelId]) -> Vec<Option<String>> {
        if self.admin {
            let name = |model: &ModelId| Repo::of(model).map_or_else(|| model.to_string(), |repo| repo.to_string());
            return models.iter().map(|model| Some(name(model))).collect();
        }
        let repo = |model: &ModelId| Repo::of(model).or_else(|| app.page.aliases.get(model).cloned());
        let repos: Vec<Option<Repo>> = models.iter().map(|model| repo(model)).collect();
        let known: Vec<&Repo> = repos.iter().flatten().collect();
        let mut may_list = app.access.may_list_each(&self.caller, &known).await.into_iter();
        let mut name = |repo: &Repo| may_list.next().unwrap_or(false).then(|| repo.to_string());
        repos.iter().map(|repo| name(repo.as_ref()?)).collect()
    }

    /// Downloads as the viewer may see them.
    pub(super) async fn downloads(&self, app: &App, rows: Vec<Download>) -> Vec<Download> {
        let rows = rows.into_iter().filter_map(|row| Some((ModelId::try_from(row.model.clone()).ok()?, row)));
        let (models, rows): (Vec<ModelId>, Vec<Download>) = rows.unzip();
        let names = self.names(app, &models.iter().collect::<Vec<_>>()).await;
        let shown = rows.into_iter().zip(names).filter_map(|(row, name)| Some(self.download(row, name?)));
        shown.collect()
    }

    fn download(&self, mut row: Download, name: String) -> Download {
        row.model = name;
        if !self.admin {
            // These name hosts, and folders of the machine.
            row.source.clear();
            row.error = row.error.map(|_| "the server cannot do it now".to_owned());
            row.hint = row.hint.map(|_| "its admin sees why".to_owned());
        }
        row
    }
}
