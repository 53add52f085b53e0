//! A Maven project object model as written (Maven model 4.0.0), before inheritance and interpolation.

use std::collections::HashMap;

use super::xml::{Xml, child, child_text, children};
use crate::CatalogError;

/// What an inventory needs of one `pom.xml`.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Path of the file in its tree.
    pub(crate) path: String,
    pub(crate) group: Option<String>,
    pub(crate) artifact: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) parent: Option<Parent>,
    pub(crate) properties: HashMap<String, String>,
    pub(crate) managed: Vec<Dependency>,
    pub(crate) dependencies: Vec<Dependency>,
    /// Folders of the modules, as written.
    pub(crate) modules: Vec<String>,
    /// Properties and dependencies of all profiles.
    pub(crate) profile_properties: HashMap<String, String>,
    pub(crate) profile_dependencies: Vec<Dependency>,
}

/// The `<parent>` of a project.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: String,
    /// `None` when the file says that the parent is not in the tree (`<relativePath/>`).
    pub(crate) relative: Option<String>,
}

/// A `<dependency>` as written.
#[derive(Debug, Default)]
pub(crate) struct Dependency {
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) classifier: Option<String>,
    pub(crate) optional: bool,
    pub(crate) line: u32,
}

impl Model {
    /// Reads the text of a `pom.xml` at `path`.
    pub(crate) fn parse(text: &str, path: &str) -> Result<Self, CatalogError> {
        let xml = Xml::parse(text, "project")?;
        let root = xml.root();
        let owned = |name| child_text(root, name).map(str::to_owned);
        let mut model = Self {
            path: path.to_owned(),
            group: owned("groupId"),
            artifact: owned("artifactId"),
            version: owned("version"),
            properties: properties(root),
            managed: match child(root, "dependencyManagement") {
                Some(section) => dependencies(&xml, section),
                None => Vec::new(),
            },
            dependencies: dependencies(&xml, root),
            ..Self::default()
        };
        if let Some(node) = child(root, "parent") {
            let part = |name: &str| {
                child_text(node, name).map(str::to_owned).ok_or_else(|| {
                    CatalogError::at(xml.line(node), format!("`parent` has no `{name}`"))
                })
            };
            model.parent = Some(Parent {
                group: part("groupId")?,
                artifact: part("artifactId")?,
                version: part("version")?,
                relative: match child(node, "relativePath") {
                    None => Some("../pom.xml".to_owned()),
                    Some(_) => child_text(node, "relativePath").map(str::to_owned),
                },
            });
        }
        if model.artifact.is_none() {
            return Err(CatalogError::at(xml.line(root), "`project` has no `artifactId`"));
        }
        if let Some(modules) = child(root, "modules") {
            model.modules = children(modules, "module")
                .filter_map(super::xml::text)
                .map(str::to_owned)
                .collect();
        }
        for profile in
            child(root, "profiles").into_iter().flat_map(|node| children(node, "profile"))
        {
            model.profile_properties.extend(properties(profile));
            model.profile_dependencies.extend(dependencies(&xml, profile));
            if let Some(section) = child(profile, "dependencyManagement") {
                model.managed.extend(dependencies(&xml, section));
            }
        }
        Ok(model)
    }

    /// The group: its own or the parent's.
    pub(crate) fn group(&self) -> Option<&str> {
        self.group.as_deref().or_else(|| self.parent.as_ref().map(|parent| parent.group.as_str()))
    }

    /// The version: its own or the parent's.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version
            .as_deref()
            .or_else(|| self.parent.as_ref().map(|parent| parent.version.as_str()))
    }
}

fn properties(node: roxmltree::Node<'_, '_>) -> HashMap<String, String> {
    child(node, "properties")
        .into_iter()
        .flat_map(|section| section.children().filter(roxmltree::Node::is_element))
        .map(|property| {
            let value = super::xml::text(property).unwrap_or_default();
            (property.tag_name().name().to_owned(), value.to_owned())
        })
        .collect()
}

fn dependencies(xml: &Xml<'_>, node: roxmltree::Node<'_, '_>) -> Vec<Dependency> {
    child(node, "dependencies")
        .into_iter()
        .flat_map(|section| children(section, "dependency"))
        .map(|node| {
            let owned = |name| child_text(node, name).map(str::to_owned);
            Dependency {
                group: owned("groupId").unwrap_or_default(),
                artifact: owned("artifactId").unwrap_or_default(),
                version: owned("version"),
                scope: owned("scope"),
                kind: owned("type"),
                classifier: owned("classifier"),
                optional: child_text(node, "optional") == Some("true"),
                line: xml.line(child(node, "artifactId").unwrap_or(node)),
            }
        })
        .collect()
}
