"""What the networks do, as pure functions: no markup, no Gradio, nothing of the page."""
