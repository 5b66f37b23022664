//! What a config would render to if some of its files were other ones: tried on a copy, never in place.

use crate::cli::error::CliError;
use crate::files::{self, FileError, TemporaryDir};
use crate::propose::{SourceFile, Texts};
use crate::render::{
    RenderError, RenderOptions, RenderRequest, Rendered, SourceFormat, render_file, render_files,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// More is no tree of configs.
const FILES_MAX: usize = 4_096;
/// As much as one evaluation may read.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Evaluations at a time: a copy is small, and the worker is started once for all of them.
const PARALLELISM: usize = 2;

/// A config, the files that it is rendered from, and how.
pub(crate) struct Overlay {
    /// The canonical root.
    root: PathBuf,
    /// The config, relative to the root.
    config: String,
    /// All files, relative to the root.
    files: BTreeSet<String>,
    options: RenderOptions,
}

impl Overlay {
    /// Renders a config, and takes note of the files that it is rendered from.
    ///
    /// # Errors
    /// It does not render.
    pub(crate) fn of(
        config: &Path,
        options: &RenderOptions,
    ) -> Result<(Self, Rendered), RenderError> {
        let rendered = render_file(config, options)?;
        let mut files = BTreeSet::new();
        for import in &rendered.imports {
            files.insert(import.path.clone());
            files.extend(import.link.clone());
        }
        let first = rendered.imports.first();
        let overlay = Self {
            root: rendered.root.clone(),
            config: first.map_or_else(String::new, |i| i.link.clone().unwrap_or(i.path.clone())),
            files,
            options: options.clone(),
        };
        Ok((overlay, rendered))
    }

    /// Takes note of a config that may not exist yet; `config` is relative to the canonical `root`.
    pub(crate) fn planned(root: &Path, config: &str, options: &RenderOptions) -> Self {
        Self {
            root: root.to_path_buf(),
            config: config.to_owned(),
            files: BTreeSet::new(),
            options: options.clone(),
        }
    }

    /// Takes every config and library below the root, because edited texts may import other files.
    ///
    /// # Errors
    /// The root cannot be listed.
    pub(crate) fn with_all_files(mut self) -> Result<Self, FileError> {
        let mut waiting = vec![String::new()];
        while let Some(folder) = waiting.pop() {
            for name in files::list_dir(&self.root.join(&folder))? {
                let inner = if folder.is_empty() {
                    name.clone()
                } else {
                    format!("{folder}/{name}")
                };
                let path = self.root.join(&inner);
                if name.starts_with('.') || files::is_link(&path).unwrap_or(true) {
                    continue;
                }
                if files::is_dir(&path) {
                    waiting.push(inner);
                } else if SourceFormat::of(&path).is_some() && self.files.len() < FILES_MAX {
                    self.files.insert(inner);
                }
            }
        }
        Ok(self)
    }

    /// Returns the config, relative to the root.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    /// Returns the canonical root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the config and then the files that it imports, those that are text.
    ///
    /// # Errors
    /// The config cannot be read.
    pub(crate) fn sources(&self) -> Result<Vec<SourceFile>, FileError> {
        let read = |path: &str| files::read_text(&self.root.join(path), FILE_BYTES_MAX);
        let entry = read(&self.config)?;
        let mut sources = vec![SourceFile {
            path: self.config.clone(),
            text: entry,
        }];
        for path in self.files.iter().filter(|path| **path != self.config) {
            if let Ok(text) = read(path) {
                let path = path.clone();
                sources.push(SourceFile { path, text });
            }
        }
        Ok(sources)
    }

    /// Renders the config with these texts.
    ///
    /// # Errors
    /// It does not render, or it could not be tried.
    pub(crate) fn try_render(&self, texts: &Texts) -> Result<Vec<Value>, CliError> {
        let folder = TemporaryDir::create()?;
        self.copy(folder.path(), texts)?;
        let options = RenderOptions {
            root: Some(folder.path().to_path_buf()),
            ..self.options.clone()
        };
        let rendered = render_file(&folder.path().join(&self.config), &options)?;
        let documents = rendered.documents.into_iter();
        Ok(documents.map(|document| document.value).collect())
    }

    /// Renders the config once for each set of texts; none where it does not render.
    pub(crate) fn render(&self, texts: &[Texts]) -> Vec<Option<Vec<Value>>> {
        let none = || texts.iter().map(|_| None).collect();
        let Ok(folder) = TemporaryDir::create() else {
            return none();
        };
        let mut requests = Vec::new();
        for (index, texts) in texts.iter().enumerate() {
            let copy = folder.path().join(index.to_string());
            if self.copy(&copy, texts).is_err() {
                return none();
            }
            requests.push(RenderRequest {
                path: copy.join(&self.config),
                options: RenderOptions {
                    root: Some(copy),
                    ..self.options.clone()
                },
            });
        }
        render_files(&requests, PARALLELISM)
            .into_iter()
            .map(|rendered| {
                let documents = rendered.ok()?.documents.into_iter();
                Some(documents.map(|document| document.value).collect())
            })
            .collect()
    }

    fn copy(&self, into: &Path, texts: &Texts) -> Result<(), FileError> {
        for path in self.files.iter().filter(|path| !texts.contains_key(*path)) {
            let bytes = files::read_bounded(&self.root.join(path), FILE_BYTES_MAX)?;
            files::write_report(&into.join(path), &bytes)?;
        }
        for (path, text) in texts {
            files::write_report(&into.join(path), text.as_bytes())?;
        }
        Ok(())
    }
}

/// Returns the folder that a patch of `file` is relative to, and the file's name from there: the top of
/// its repository, else the working directory, else its own folder.
pub(crate) fn patch_place(file: &Path, cwd: &Path) -> (PathBuf, String) {
    let full = files::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let folder = files::parent_of(&full);
    let here = files::canonicalize(cwd).unwrap_or_else(|_| cwd.to_path_buf());
    let base = files::repository_top(&folder)
        .or_else(|| full.starts_with(&here).then_some(here))
        .unwrap_or(folder);
    let inner = full.strip_prefix(&base).unwrap_or(&full);
    let parts: Vec<String> = inner
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let name = parts.join("/");
    (base, name)
}
