//! Lines for a terminal that are never wider than they may be.

use anstyle::{AnsiColor, Effects, Style};

use crate::text::{self, fit, fit_end, width};

pub(crate) const BOLD: Style = Style::new().effects(Effects::BOLD);
pub(crate) const DIM: Style = Style::new().effects(Effects::DIMMED);
pub(crate) const PLAIN: Style = Style::new();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(crate) const MAGENTA: Style = AnsiColor::Magenta.on_default();

pub(crate) struct Table {
    pub(crate) out: String,
    pub(crate) width: usize,
    pub(crate) colour: bool,
    pub(crate) hyperlinks: bool,
    pub(crate) verbose: bool,
}

/// A line that is being filled: it knows how much room is left and never takes more.
pub(crate) struct Line<'t> {
    pub(crate) table: &'t mut Table,
    pub(crate) used: usize,
    pub(crate) limit: usize,
}

impl Table {
    pub(crate) fn line(&mut self) -> Line<'_> {
        let limit = self.width;
        Line { table: self, used: 0, limit }
    }

    pub(crate) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// A line with text on the left and, where there is room, a place on the right.
    pub(crate) fn left_right(&mut self, indent: usize, parts: &[(&str, Style)], right: &str) {
        let wanted: usize = indent + parts.iter().map(|(part, _)| width(part)).sum::<usize>();
        let room = (self.width / 3).max(self.width.saturating_sub(wanted + 2));
        let right = fit_end(right, room.min(self.width / 2));
        let mut line = self.line();
        if !right.is_empty() {
            line.limit -= width(&right) + 2;
        }
        line.gap_to(indent);
        for (part, style) in parts {
            line.add(part, *style);
        }
        line.limit = line.table.width;
        if !right.is_empty() {
            line.gap_to(line.limit - width(&right));
            line.add(&right, DIM);
        }
        line.end();
    }

    /// A text over as many lines as it needs, but no more than `most`.
    pub(crate) fn paragraph(
        &mut self,
        indent: usize,
        label: &str,
        body: &str,
        style: Style,
        most: usize,
    ) {
        let inner = indent + width(label);
        let columns = self.width.saturating_sub(inner).max(10);
        for (at, part) in text::wrap(body, columns, most).iter().enumerate() {
            let mut line = self.line();
            line.gap_to(indent);
            if at == 0 {
                line.add(label, DIM);
            }
            line.gap_to(inner);
            line.add(part, style);
            line.end();
        }
    }

    pub(crate) fn more(&mut self, indent: usize, hidden: usize) {
        if hidden > 0 {
            let mut line = self.line();
            line.gap_to(indent);
            line.add(&format!("… and {} more; -v shows all", text::thousands(hidden)), DIM);
            line.end();
        }
    }
}

impl Line<'_> {
    pub(crate) fn gap_to(&mut self, column: usize) {
        while self.used < column.min(self.limit) {
            self.table.out.push(' ');
            self.used += 1;
        }
    }

    pub(crate) fn add(&mut self, part: &str, style: Style) {
        self.link(part, style, None);
    }

    pub(crate) fn link(&mut self, part: &str, style: Style, target: Option<&str>) {
        let part = fit(part, self.limit.saturating_sub(self.used));
        if part.is_empty() {
            return;
        }
        self.used += width(&part);
        let out = &mut self.table.out;
        if let Some(target) = target {
            out.push_str("\u{1b}]8;;");
            out.push_str(target);
            out.push_str("\u{1b}\\");
        }
        if self.table.colour && style != PLAIN {
            out.push_str(&style.render().to_string());
            out.push_str(&part);
            out.push_str(&style.render_reset().to_string());
        } else {
            out.push_str(&part);
        }
        if target.is_some() {
            out.push_str("\u{1b}]8;;\u{1b}\\");
        }
    }

    pub(crate) fn end(self) {
        let out = &mut self.table.out;
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}
