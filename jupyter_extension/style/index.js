import './index.css';
import './notebook.css';
import './composer.css';
import './places.css';
import './data.css';
import './answer.css';
