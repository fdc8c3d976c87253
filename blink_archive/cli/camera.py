"""The group ``camera``; its commands are loaded when they are called."""

from __future__ import annotations

from .groups import group


@group(
    "camera",
    {
        "config": ("camera_config", "Show a camera's settings, or change them."),
        "disable": ("camera_verbs", "Switch motion detection off."),
        "enable": ("camera_verbs", "Switch motion detection on."),
        "info": ("camera_facts", "What Blink's deprecated call says of a camera."),
        "light": ("camera_verbs", "Switch the light of a wired floodlight."),
        "liveview": ("liveview", "Watch a camera, record what it shows, or keep it."),
        "record": ("camera_verbs", "Record a clip."),
        "signals": ("camera_facts", "What a camera measured: wifi, temperature, battery."),
        "snapshot": ("camera_verbs", "Take a new picture for the home screen."),
        "snooze": ("camera_verbs", "Silence the notifications of cameras."),
        "thumbnail": ("camera_thumbnail", "Save the picture of the home screen."),
    },
)
def camera_command() -> None:
    """Tell cameras, owls (Minis) and doorbells what to do.

    CAMERA is a name, without regard to case, or an id; or NETWORK/CAMERA, each a name or an id. What could
    be two cameras is refused.
    """
