//! The lessons' texts: chapters with paragraphs, a figure each, and exercises.
//!
//! `# title` opens a chapter, `! caption` describes its figure, `? question` is an exercise, and
//! any other line is a paragraph.

/// The text of a manual.
#[derive(Debug, Default)]
pub(super) struct Lesson {
    pub(super) chapters: Vec<Chapter>,
}

/// One chapter.
#[derive(Debug, Default)]
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) paragraphs: Vec<&'static str>,
    pub(super) captions: Vec<&'static str>,
    pub(super) questions: Vec<&'static str>,
}

/// What one page shows, in the kinds that have pages.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Does the chapter begin here?
    pub(super) opens: bool,
    pub(super) heading: String,
    pub(super) paragraphs: Vec<&'static str>,
    /// Are the paragraphs questions?
    pub(super) exercise: bool,
    /// What the picture shows.
    pub(super) caption: String,
}

impl Lesson {
    pub(super) fn parse(text: &'static str) -> Self {
        let mut lesson = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(title) = line.strip_prefix("# ") {
                lesson.chapters.push(Chapter { title, ..Chapter::default() });
                continue;
            }
            let Some(chapter) = lesson.chapters.last_mut() else { continue };
            if let Some(caption) = line.strip_prefix("! ") {
                chapter.captions.push(caption);
            } else if let Some(question) = line.strip_prefix("? ") {
                chapter.questions.push(question);
            } else {
                chapter.paragraphs.push(line);
            }
        }
        lesson
    }

    /// A page for each paragraph, then one for the figure, then one for the exercises.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for (index, chapter) in self.chapters.iter().enumerate() {
            let number = index + 1;
            let figure = chapter.caption();
            for (part, paragraph) in chapter.paragraphs.iter().enumerate() {
                leaves.push(Leaf {
                    opens: part == 0,
                    heading: match part {
                        0 => format!("{number}. {}", chapter.title),
                        _ => format!("{} ({})", chapter.title, part + 1),
                    },
                    paragraphs: vec![paragraph],
                    exercise: false,
                    caption: format!("Illustration. {figure}"),
                });
            }
            leaves.push(Leaf {
                opens: false,
                heading: format!("Document {number}"),
                paragraphs: chapter.captions.clone(),
                exercise: false,
                caption: format!("Document {number}. {figure}"),
            });
            leaves.push(Leaf {
                opens: false,
                heading: format!("Exercices du chapitre {number}"),
                paragraphs: chapter.questions.clone(),
                exercise: true,
                caption: format!("Vignette des exercices. {figure}"),
            });
        }
        leaves
    }
}

impl Chapter {
    /// What its figure shows.
    pub(super) fn caption(&self) -> &'static str {
        self.captions.first().copied().unwrap_or(self.title)
    }
}

/// Text for XML and HTML.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// The body of a chapter in HTML, which is the same in EPUB and on the web.
pub(super) fn chapter_body(chapter: &Chapter, number: usize, image: &str, note: &str) -> String {
    let mut body = format!("<h1>{number}. {}</h1>\n", escape(chapter.title));
    let mut paragraphs = chapter.paragraphs.iter();
    let paragraph = |text: &&str| format!("<p>{}</p>\n", escape(text));
    body.extend(paragraphs.next().map(paragraph));
    let caption = escape(chapter.caption());
    body += &format!(
        "<figure><img src=\"{image}\" alt=\"{caption}\"/>\
         <figcaption>Document {number}. {caption}</figcaption></figure>\n"
    );
    body.extend(paragraphs.map(paragraph));
    if !note.is_empty() {
        body += &format!("<p class=\"note\">{}</p>\n", escape(note));
    }
    body += "<h2>Exercices</h2>\n<ol>\n";
    for question in &chapter.questions {
        body += &format!("<li>{}</li>\n", escape(question));
    }
    body + "</ol>\n"
}
