//! [`Viewer`]: who looks, and what he may see.

use cache_lib::{ErrorKind, ModelId};
use http::request::Parts;

use super::Problem;
use crate::access::Caller;
use crate::activity::Download;
use crate::app::App;
use crate::repo::Repo;

/// Who looks at the page.
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

    /// Refuses whoever is not the admin.
    pub(crate) fn must_be_admin(&self) -> Result<(), Problem> {
        if self.admin { Ok(()) } else { Err(Problem::not_admin()) }
    }

    /// Came by the unix socket, as somebody on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.caller.local_admin
    }

    /// The name under which he knows a model; `None` when he may not know of it.
    pub(super) fn name(&self, app: &App, model: &ModelId) -> Option<String> {
        let repo = Repo::of(model);
        if self.admin {
            return Some(repo.map_or_else(|| model.to_string(), |repo| repo.to_string()));
        }
        let repo = repo.or_else(|| app.page.aliases.get(model).cloned())?;
        app.access.may_list(&self.caller, &repo).then(|| repo.to_string())
    }

    /// A download as he may see it.
    pub(super) fn download(&self, app: &App, mut row: Download) -> Option<Download> {
        let model = ModelId::try_from(row.model.clone()).ok()?;
        row.model = self.name(app, &model)?;
        if !self.admin {
            if Repo::of(&model).is_none() {
                row.source.clear();
            }
            // These name folders of the machine.
            let of_the_machine = [ErrorKind::Storage, ErrorKind::NoSpace, ErrorKind::Usage];
            if of_the_machine.iter().any(|kind| row.kind == Some(kind.as_str())) || Repo::of(&model).is_none() {
                row.error = row.error.map(|_| "the server cannot do it now".to_owned());
                row.hint = row.hint.map(|_| "its admin sees why".to_owned());
            }
        }
        Some(row)
    }
}
