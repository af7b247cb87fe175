//! Swagger UI at `/docs`. All of it comes from this process: poem-openapi
//! brings the files along, but only as one page with everything in it, so
//! they are taken out of that page and served each by itself.

use std::sync::LazyLock;

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::OpenApiService;

/// Only this server's own files; Swagger UI sets styles in attributes and has
/// its icons in `data:` URLs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Links are relative to `…/docs`, so the page works wherever the app is
/// mounted.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>messenger</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// No validator badge: it would be loaded from outside.
const START: &str = r##"SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"##;

struct Assets {
    style: String,
    script: String,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    Assets {
        style: between(&page, "<style charset=\"UTF-8\">", "</style>\n    <script").to_owned(),
        script: between(&page, "<script charset=\"UTF-8\">", "</script>\n</head>").to_owned(),
    }
});

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).map_or("", |(_, rest)| rest);
    rest.split_once(end).map_or("", |(middle, _)| middle)
}

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocsFile {
    Page,
    Style,
    Script,
    Start,
}

impl DocsFile {
    /// Every file with its path below the app.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("/docs", Self::Page),
        ("/docs/swagger-ui.css", Self::Style),
        ("/docs/swagger-ui-bundle.js", Self::Script),
        ("/docs/start.js", Self::Start),
    ];

    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Page => ("text/html; charset=utf-8", PAGE),
            Self::Style => ("text/css; charset=utf-8", &ASSETS.style),
            Self::Script => ("text/javascript; charset=utf-8", &ASSETS.script),
            Self::Start => ("text/javascript; charset=utf-8", START),
        }
    }
}

impl IntoResponse for DocsFile {
    fn into_response(self) -> Response {
        let (media_type, text) = self.parts();
        Response::builder()
            .header(header::CONTENT_TYPE, media_type)
            .header(header::CACHE_CONTROL, "public, max-age=3600")
            .header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .body(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swagger_ui_is_found_in_what_poem_openapi_brings() {
        assert!(ASSETS.style.contains(".swagger-ui"), "{}", ASSETS.style.len());
        assert!(ASSETS.script.contains("SwaggerUIBundle"), "{}", ASSETS.script.len());
        assert!(!ASSETS.script.contains("</script>"));
    }

    #[test]
    fn the_page_loads_nothing_from_outside() {
        for text in [PAGE, START] {
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("\"//"));
        }
    }
}
