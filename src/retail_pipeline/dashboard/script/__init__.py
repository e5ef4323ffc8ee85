"""What Streamlit is started with."""
